class comments1800000000001 {
  async up(runner) {
    await runner.query('create table "ticket_comment" ("id" character varying primary key)')
  }

  async down(runner) {
    await runner.query('drop table "ticket_comment"')
  }
}

module.exports = { comments1800000000001 }
