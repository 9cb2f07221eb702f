const { Migration } = require("@medusajs/framework/mikro-orm/migrations")

class Migration20250101000000 extends Migration {
  async up() {
    this.addSql(
      'create table if not exists "club_tier" ("id" text not null, "name" text not null, ' +
        '"created_at" timestamptz not null default now(), "updated_at" timestamptz not null default now(), ' +
        '"deleted_at" timestamptz null, constraint "club_tier_pkey" primary key ("id"));'
    )
  }
}

module.exports = { Migration20250101000000 }
