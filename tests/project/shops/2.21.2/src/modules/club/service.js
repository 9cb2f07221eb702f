const { MedusaService } = require("@medusajs/framework/utils")
const { Tier } = require("./models/tier")

class ClubService extends MedusaService({ Tier }) {}

module.exports = { ClubService }
