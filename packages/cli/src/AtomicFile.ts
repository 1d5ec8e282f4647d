/** Writes files as a whole or not at all, also if the process ends meanwhile. */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"

/** Writes a file of mode 0600 unless `mode` says otherwise. Follows a symbolic link. */
export const write = (
  path: string,
  text: string,
  mode = 0o600
): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const target = yield* Effect.orElseSucceed(fs.realPath(path), () => path)
    const unfinished = `${target}~${process.pid}`
    // A file of this name may be another user's, and readable by all.
    yield* fs.remove(unfinished, { force: true }).pipe(
      Effect.zipRight(fs.writeFileString(unfinished, text, { flag: "wx", mode: 0o600 })),
      Effect.zipRight(mode === 0o600 ? Effect.void : fs.chmod(unfinished, mode)),
      Effect.zipRight(fs.rename(unfinished, target)),
      Effect.onError(() => Effect.ignore(fs.remove(unfinished)))
    )
  })

/** Says why a file cannot be written. */
export const whyNot = (error: PlatformError): string =>
  error._tag === "SystemError" && error.reason === "NotFound"
    ? "its folder does not exist"
    : error._tag === "SystemError" && error.reason === "PermissionDenied"
    ? "permission denied"
    : error.message
