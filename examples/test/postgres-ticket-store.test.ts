import * as ClaimsSuite from "@effect-feishu/emulator/ClaimsSuite"
import * as TicketStoreSuite from "@effect-feishu/emulator/TicketStoreSuite"
import { afterAll } from "@effect/vitest"
import { PGlite } from "@electric-sql/pglite"
import { Effect, Layer } from "effect"
import { layer, tables } from "../postgres-ticket-store.js"

const database = new PGlite()
afterAll(() => database.close())

const Store = Layer.unwrapEffect(Effect.as(
  Effect.promise(() => database.exec(tables)),
  // It does one thing at a time, so the last of many that come at once takes long.
  layer(database, { timeout: "20 seconds", pollInterval: "20 millis" })
))

// So many tickets at once, in place of 1000
TicketStoreSuite.suite("in PostgreSQL", Store, { atOnce: 200 })
ClaimsSuite.suite("in PostgreSQL", Layer.fresh(layer(database, { timeout: "20 seconds" })))
