/** Keeps a file from being destroyed by the shell's redirection of the emulator's output. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { parseEnv } from "node:util"
import * as Failure from "../../Failure.js"

const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const isSame = (one: Fs.Stats, other: Fs.Stats | undefined): boolean =>
  other !== undefined && one.dev === other.dev && one.ino === other.ino

/** Lists what a process has open. Only Linux has this folder. */
const openFiles = (pid: string): ReadonlyArray<Fs.Stats> =>
  (attempt(() => Fs.readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap((fd) =>
    attempt(() => Fs.statSync(`/proc/${pid}/fd/${fd}`)) ?? []
  )

/** Says whether another process reads the pipe and has the file open, as `tee FILE` does. */
const isPipedInto = (pipe: Fs.Stats, file: Fs.Stats): boolean =>
  (attempt(() => Fs.readdirSync("/proc")) ?? [])
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .some((pid) => {
      const open = openFiles(pid)
      return open.some((stats) => isSame(pipe, stats)) && open.some((stats) => isSame(file, stats))
    })

/** Says whether standard output goes into the file, as far as this can be seen. */
export const goesInto = (path: string): boolean => {
  const file = attempt(() => Fs.statSync(path))
  const output = attempt(() => Fs.fstatSync(1))
  if (file === undefined || output === undefined || !file.isFile()) return false
  return isSame(output, file) || (output.isFIFO() && isPipedInto(output, file))
}

const instead = (path: string) =>
  `Let this command write the file itself, with --write-env ${path} in place of "| tee" or ">"`

/** Fails if standard output goes into a file that an option names. */
export const check = (option: string, path: string): Effect.Effect<void, Failure.UsageError> =>
  Effect.suspend(() =>
    goesInto(path)
      ? new Failure.UsageError({
        message: `standard output goes into ${path}, the file of ${option}, which would be overwritten. ${
          instead(path)
        }`
      })
      : Effect.void
  )

const isEmpty = (text: string): boolean => Object.keys(parseEnv(text)).length === 0

export interface Guarded {
  /** The variables of the file, or none if the file is a pipe. */
  readonly variables: NodeJS.Dict<string>
  readonly verify: Effect.Effect<void, Failure.UsageError>
}

/**
 * Guards a file of `--dotenv`: fails if the file holds no variable, because a shell empties the file of `| tee FILE` and
 * `> FILE` before this command reads the file. `verify` looks again: if the file was emptied after it was read, `verify` writes
 * the text back, and fails.
 */
export const guard = (path: string): Effect.Effect<Guarded, Failure.UsageError> =>
  Effect.gen(function*() {
    yield* check("--dotenv", path)
    const read = () => attempt(() => Fs.readFileSync(path, "utf8"))
    const text = read()
    // Not a file of its own, for example a pipe, which can be read only once.
    const isFile = attempt(() => Fs.statSync(path).isFile()) === true
    if (!isFile || text === undefined) return { variables: {}, verify: Effect.void }
    if (isEmpty(text)) {
      return yield* new Failure.UsageError({
        message:
          `--dotenv ${path} holds no variable. If this command's output goes into the same file, the shell has emptied `
          + `it before. ${instead(path)}`
      })
    }
    const verify = Effect.suspend(() => {
      if (read() !== "") return check("--dotenv", path)
      Fs.writeFileSync(path, text)
      return new Failure.UsageError({
        message: `${path}, the file of --dotenv, was emptied meanwhile, and is restored. ${instead(path)}`
      })
    })
    return { variables: parseEnv(text), verify }
  })
