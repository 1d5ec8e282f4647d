/**
 * A folder as the store: a file for each entry, for whoever runs the command alone to read.
 */
import type { Claims } from "@effect-feishu/core/Claims"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AtomicFile from "./AtomicFile.js"
import { UsageError } from "./Failure.js"

const unusable = (path: string, why: string) =>
  new UsageError({
    message:
      `--store file:${path} must be a folder that can be written to: choose another, or change whose it is (${why})`
  })

/** Where nothing is yet, there can be one. */
const checkFolder = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, UsageError> =>
  Effect.matchEffect(fs.stat(path), {
    onSuccess: ({ type }) => type === "Directory" ? Effect.void : unusable(path, "it is none"),
    onFailure: (error) =>
      error._tag === "SystemError" && error.reason === "NotFound" ? Effect.void : unusable(path, error.message)
  })

/**
 * The folder is made when there is something to keep: who looks into one that was mistyped makes none. An entry is there
 * whole or not at all, whoever reads or is killed meanwhile.
 */
const forEntries = (fs: FileSystem.FileSystem, folder: string): FileSystem.FileSystem => ({
  ...fs,
  makeDirectory: () => Effect.void,
  writeFileString: (path, text) =>
    fs.makeDirectory(folder, { recursive: true }).pipe(
      Effect.zipRight(AtomicFile.write(path, text)),
      Effect.provideService(FileSystem.FileSystem, fs)
    )
})

export const layer = (
  path: string
): Layer.Layer<
  TicketStore.TicketStore | TokenStore.TokenStore | Claims,
  UsageError,
  FileSystem.FileSystem | Path.Path
> =>
  Layer.unwrapEffect(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* checkFolder(fs, path)
    return TicketStore.layerKeyValueStore({ pollInterval: "500 millis" }).pipe(
      Layer.provide(KeyValueStore.layerFileSystem(path)),
      Layer.provide(Layer.succeed(FileSystem.FileSystem, forEntries(fs, path))),
      // A token on disk would be worth more to a thief than to its user, who gets the same one again from the platform.
      Layer.merge(TokenStore.layerMemory)
    )
  })).pipe(Layer.mapError((error) => error._tag === "UsageError" ? error : unusable(path, error.message)))

/** Whether an entry can be kept there: else that would show only when a ticket comes. */
export const checkWritable = (path: string): Effect.Effect<void, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(path, { recursive: true })
    // Whoever may not, and whatever the reason: nothing tells but to do it.
    yield* fs.makeTempDirectoryScoped({ directory: path, prefix: ".writable-" })
  }).pipe(Effect.scoped, Effect.mapError(({ message }) => unusable(path, message)))

/** Whether something of the app is kept there. */
export const holds = (path: string, appId: string): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(path)).pipe(
    Effect.map((names) => names.some((name) => name.split("%2F").includes(encodeURIComponent(appId)))),
    Effect.orElseSucceed(() => false)
  )
