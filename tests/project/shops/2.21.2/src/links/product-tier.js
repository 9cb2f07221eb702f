const { defineLink } = require("@medusajs/framework/utils")
const ProductModule = require("@medusajs/medusa/product")
const ClubModule = require("../modules/club")

const linkable = (module) => (module.default ?? module).linkable

module.exports = { default: defineLink(linkable(ProductModule).product, linkable(ClubModule).clubTier) }
