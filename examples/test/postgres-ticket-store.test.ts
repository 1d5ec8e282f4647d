import { suite } from "@effect-feishu/emulator/TicketStoreSuite"
import { afterAll } from "@effect/vitest"
import { PGlite } from "@electric-sql/pglite"
import { Effect, Layer } from "effect"
import { layer, tables } from "../postgres-ticket-store.js"

const database = new PGlite()
afterAll(() => database.close())

suite(
  "in PostgreSQL",
  Layer.unwrapEffect(Effect.as(
    Effect.promise(() => database.exec(tables)),
    // It does one thing at a time, so the last of many that come at once takes long.
    layer(database, { timeout: "20 seconds", pollInterval: "20 millis" })
  )),
  // So many tickets at once, in place of 1000
  { atOnce: 200 }
)
