const { model } = require("@medusajs/framework/utils")

const Tier = model.define("club_tier", { id: model.id().primaryKey(), name: model.text() })

module.exports = { Tier }
