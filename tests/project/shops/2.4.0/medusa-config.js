const { defineConfig } = require("@medusajs/framework/utils")

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    http: { storeCors: "*", adminCors: "*", authCors: "*", jwtSecret: "not a secret", cookieSecret: "not a secret" },
  },
  admin: { disable: true },
  plugins: [{ resolve: "@rsc-labs/medusa-wishlist", options: {} }],
  modules: [{ resolve: "./src/modules/club" }],
})
