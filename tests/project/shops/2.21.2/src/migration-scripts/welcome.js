module.exports = {
  default: async ({ container }) => {
    container.resolve("logger").info("welcome to the club")
  },
}
