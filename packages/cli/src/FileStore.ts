/** A folder as the store: a file for each entry, which only the user who runs the command can read. */
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

/** Returns `true` if the folder can be made, because nothing is there yet. */
const checkFolder = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, UsageError> =>
  Effect.matchEffect(fs.stat(path), {
    onSuccess: ({ type }) => type === "Directory" ? Effect.void : unusable(path, "it is none"),
    onFailure: (error) =>
      error._tag === "SystemError" && error.reason === "NotFound" ? Effect.void : unusable(path, error.message)
  })

/**
 * Makes the folder with the first entry, so that a command that only reads makes no folder of a mistyped name. Writes each entry
 * as a whole or not at all, also if the process is killed.
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
      // Keeps no tokens on disk, because the platform gives the same token again.
      Layer.merge(TokenStore.layerMemory)
    )
  })).pipe(Layer.mapError((error) => error._tag === "UsageError" ? error : unusable(path, error.message)))

/** Fails if an entry cannot be written, before the first ticket comes. */
export const checkWritable = (path: string): Effect.Effect<void, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(path, { recursive: true })
    // Only an attempt shows whether a folder can be written to.
    yield* fs.makeTempDirectoryScoped({ directory: path, prefix: ".writable-" })
  }).pipe(Effect.scoped, Effect.mapError(({ message }) => unusable(path, message)))

/** Returns `true` if the folder has an entry of the app. */
export const holds = (path: string, appId: string): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(path)).pipe(
    Effect.map((names) => names.some((name) => name.split("%2F").includes(encodeURIComponent(appId)))),
    Effect.orElseSucceed(() => false)
  )
