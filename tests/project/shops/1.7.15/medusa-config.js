module.exports = {
  projectConfig: {
    database_type: "postgres",
    database_url: process.env.DATABASE_URL,
    jwt_secret: "not a secret",
    cookie_secret: "not a secret",
  },
  plugins: ["shop-tickets"],
}
