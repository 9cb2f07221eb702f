const { Module } = require("@medusajs/framework/utils")
const { ClubService } = require("./service")

module.exports = { default: Module("club", { service: ClubService }) }
