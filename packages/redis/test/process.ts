/** A process that uses one Redis or several in their layers' scope, and then has nothing more to do: `process.ts <kind> <port> …`. */
import { Array as Arr, Clock, Effect, Layer, Logger, Redacted } from "effect"
import * as RedisConnection from "../src/RedisConnection.js"
import * as Systems from "./systems.js"

const settings = { timeout: "1 second" } as const

const connection = (kind: string, port: number) =>
  kind === "cluster"
    ? RedisConnection.layerCluster([{ host: "127.0.0.1", port }], {}, settings)
    : kind === "sentinel"
    ? Layer.orDie(RedisConnection.layerUrl({
      url: Redacted.make(`redis://127.0.0.1:${port}`),
      sentinelMaster: "the-master",
      ...settings
    }))
    : RedisConnection.layer({ port, host: "127.0.0.1" }, settings)

const used = ([kind = "", port]: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { tickets } = yield* Systems.start(connection(kind, Number(port)))
    const put = yield* Effect.either(tickets.put("cli_test", yield* Systems.ticketOf("a ticket")))
    return put._tag
  })

const [tags, ended] = await Effect.runPromise(
  Effect.forEach(Arr.chunksOf(process.argv.slice(2), 2), used, { concurrency: "unbounded" }).pipe(
    Effect.scoped,
    Effect.zip(Clock.currentTimeNanos),
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
)
process.on("exit", () => {
  const after = (Effect.runSync(Clock.currentTimeNanos) - ended) / 1_000_000n
  process.stdout.write(`${tags.join(", ")}: outlived its layer by ${after} ms\n`)
})
