module.exports = {
  projectConfig: {
    database_type: "postgres",
    database_url: process.env.DATABASE_URL,
    jwt_secret: "not a secret",
    cookie_secret: "not a secret",
  },
  plugins: ["medusa-product-reviews"],
  modules: {
    eventBus: { resolve: "@medusajs/event-bus-local" },
    cacheService: { resolve: "@medusajs/cache-inmemory" },
    inventoryService: { resolve: "@medusajs/inventory", resources: "shared" },
    stockLocationService: { resolve: "@medusajs/stock-location", resources: "shared" },
  },
}
