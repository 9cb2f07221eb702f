const configured = require("./medusa-config.shared.js")

const isolated = (resolve) => ({
  resolve,
  scope: "internal",
  resources: "isolated",
  options: { database: { clientUrl: process.env.DATABASE_URL, driverOptions: { connection: { ssl: false } } } },
})

module.exports = {
  ...configured,
  modules: {
    ...configured.modules,
    productService: isolated("@medusajs/product"),
    pricingService: isolated("@medusajs/pricing"),
  },
}
