/** Keeps deliveries as files, a file for each. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { join, resolve } from "node:path"
import * as AtomicFile from "../../AtomicFile.js"
import { UsageError } from "../../Failure.js"
import * as SavedFile from "./SavedFile.js"

export interface Service {
  /** Writes a delivery. Returns the path, or `None` if the file cannot be written, which is logged. Never fails. */
  readonly save: (saved: SavedFile.Saved) => Effect.Effect<Option.Option<string>>
}

export interface Options {
  readonly folder: string
  /** The number of the newest files that are kept. Default: 1,000. */
  readonly keep?: number | undefined
}

/** Matches the files that are removed in their turn. Other files in the folder stay. */
const fileName = /^\d{8}T\d{6}\.\d{3}Z-[\w.-]+\.json$/

/** Returns a name that sorts by time, and that no id can make a path of. */
const nameOf = ({ id, type }: SavedFile.Saved, millis: number): string => {
  const time = DateTime.formatIso(DateTime.unsafeMake(millis)).replace(/[-:]/g, "")
  const plain = (text: string) => text.replace(/[^\w.-]/g, "_").slice(0, 80)
  return `${time}-${plain(type)}${id === "" ? "" : `-${plain(id)}`}.json`
}

const unusable = (folder: string, why: string) =>
  new UsageError({ message: `--save-deliveries ${folder} must be a folder that can be written to (${why})` })

/** Logs the first failure, and that files can be written again. */
const makeOutage = (folder: string) => {
  let failures = 0
  return {
    failed: (why: string) =>
      Effect.suspend(() =>
        failures++ === 0
          ? Effect.logWarning(
            `deliveries cannot be saved in ${folder}: ${why}; this is logged once until it works again`
          )
          : Effect.void
      ),
    worked: Effect.suspend(() => {
      if (failures === 0) return Effect.void
      const missing = failures
      failures = 0
      return Effect.logInfo(`deliveries are saved in ${folder} again (not saved: ${missing})`)
    })
  }
}

/** Makes the folder if there is none. Fails if no file can be written there. */
export const make = (options: Options): Effect.Effect<Service, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const { keep = 1000 } = options
    const folder = resolve(options.folder)
    const outage = makeOutage(folder)
    const names = yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 }).pipe(
      Effect.andThen(Effect.scoped(fs.makeTempDirectoryScoped({ directory: folder, prefix: ".writable-" }))),
      Effect.andThen(fs.readDirectory(folder)),
      Effect.mapBoth({
        onFailure: (error) => unusable(folder, AtomicFile.whyNot(error)),
        onSuccess: (names) => names.filter((name) => fileName.test(name)).toSorted()
      })
    )
    let latest = 0

    const removeOldest = Effect.suspend(() =>
      Effect.forEach(
        names.splice(0, Math.max(0, names.length - keep)),
        (name) => Effect.ignore(fs.remove(join(folder, name))),
        { discard: true }
      )
    )

    const save = (saved: SavedFile.Saved) =>
      Effect.suspend(() => {
        // Two deliveries of one millisecond must have two names.
        latest = Math.max(saved.receivedAt, latest + 1)
        const name = nameOf(saved, latest)
        const path = join(folder, name)
        return AtomicFile.write(path, SavedFile.textOf(saved)).pipe(
          Effect.provideService(FileSystem.FileSystem, fs),
          Effect.tap(() => Effect.sync(() => void names.push(name))),
          Effect.andThen(removeOldest),
          Effect.andThen(outage.worked),
          Effect.as(Option.some(path)),
          Effect.catchAll((error) => Effect.as(outage.failed(AtomicFile.whyNot(error)), Option.none<string>()))
        )
      })

    return { save }
  })
