/** What others see of the files that the command keeps, and what is left of a write that was cut short. */
import { type Ticket, TicketStore } from "@effect-feishu/core/TicketStore"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { SystemError } from "@effect/platform/Error"
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Fiber, Layer, Option, Redacted } from "effect"
import * as FileStore from "../src/FileStore.js"

const appId = "cli_a"

/** So long that it takes a while to write. */
const ticket = (number: number): Ticket => ({
  value: Redacted.make(`t-${number}-${"0".repeat(20_000)}`),
  sentAt: DateTime.unsafeMake(number)
})

const storeIn = (folder: string) => Effect.provide(TicketStore, FileStore.layer(folder))

layer(NodeContext.layer, { excludeTestServices: true, timeout: "20 seconds" })("FileStore", (it) => {
  it.scoped("has each entry whole, the old one or the new one, for whoever reads", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const { put } = yield* storeIn(folder)
      yield* put(appId, ticket(1))
      const [file = ""] = yield* fs.readDirectory(folder)
      const seen = new Set<string>()
      const reader = yield* fs.readFileString(`${folder}/${file}`).pipe(
        Effect.map((text) => seen.add((JSON.parse(text) as { readonly sentAt: string }).sentAt)),
        Effect.forever,
        Effect.fork
      )
      for (let number = 2; number <= 200; number++) yield* put(appId, ticket(number))
      assert.deepStrictEqual(yield* fs.readDirectory(folder), [file])
      // It would have failed with half an entry.
      assert.isTrue(Option.isNone(yield* Fiber.poll(reader)))
      assert.isAbove(seen.size, 1)
      yield* Fiber.interrupt(reader)
    }))

  it.scoped("keeps the old entry where the new one cannot be written to its end", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      yield* Effect.flatMap(storeIn(folder), ({ put }) => put(appId, ticket(1)))
      const full = new SystemError({ reason: "Unknown", module: "FileSystem", method: "write", description: "ENOSPC" })
      const half = (path: string, text: string) =>
        Effect.zipRight(fs.writeFileString(path, text.slice(0, text.length / 2)), full)
      const filling = yield* storeIn(folder).pipe(
        Effect.provide(Layer.succeed(FileSystem.FileSystem, { ...fs, writeFileString: half }))
      )
      assert.include((yield* Effect.flip(filling.put(appId, ticket(2)))).description, "ENOSPC")
      const [newest, files] = yield* Effect.all([filling.get(appId), fs.readDirectory(folder)])
      assert.strictEqual(Option.getOrNull(Option.map(newest, ({ sentAt }) => DateTime.toEpochMillis(sentAt))), 1)
      assert.strictEqual(files.length, 1)
    }))

  it.scoped("makes the folder when there is something to keep, not for who only looks", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = `${yield* fs.makeTempDirectoryScoped()}/mistyped/tickets`
      const { get, put } = yield* storeIn(folder)
      assert.isTrue(Option.isNone(yield* get(appId)))
      assert.isFalse(yield* fs.exists(folder))
      yield* put(appId, ticket(1))
      assert.isTrue(Option.isSome(yield* get(appId)))
    }))
})
