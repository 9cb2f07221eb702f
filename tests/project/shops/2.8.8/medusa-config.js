const { defineConfig } = require("@medusajs/framework/utils")

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    http: { storeCors: "*", adminCors: "*", authCors: "*", jwtSecret: "not a secret", cookieSecret: "not a secret" },
  },
  admin: { disable: true },
  plugins: [
    { resolve: "medusa-variant-images", options: {} },
    { resolve: "@rsc-labs/medusa-documents-v2", options: {} },
  ],
  modules: [{ resolve: "./src/modules/club" }],
})
