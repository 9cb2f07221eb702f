class tickets1800000000000 {
  async up(runner) {
    await runner.query('create table "shop_ticket" ("id" character varying primary key)')
  }

  async down(runner) {
    await runner.query('drop table "shop_ticket"')
  }
}

module.exports = { tickets1800000000000 }
