/** The store of tickets, tokens and claims that `--store` names. */
import type { Claims } from "@effect-feishu/core/Claims"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as PathService from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { homedir } from "node:os"
import * as Path from "node:path"
import type { Variables } from "./Configuration.js"
import { UsageError } from "./Failure.js"
import * as FileStore from "./FileStore.js"

export type Location =
  | { readonly _tag: "Memory" }
  | {
    readonly _tag: "Files"
    readonly path: string
    /** `true`: no `--store` was given. */
    readonly isDefault: boolean
  }
  | { readonly _tag: "Redis"; readonly url: Option.Option<string> }

/** A store that another process can write to, too. */
export type Kept = Exclude<Location, { readonly _tag: "Memory" }>

const wrong = (problem: string) => new UsageError({ message: `--store ${problem}` })

/** The machine on which the paths are. */
export interface Machine extends Pick<Path.PlatformPath, "isAbsolute" | "join" | "resolve"> {
  readonly platform: NodeJS.Platform
  readonly home: string
}

const thisMachine = (): Machine => ({ ...Path, platform: process.platform, home: homedir() })

/** Returns the same folder for all commands, so that `ticket` in one terminal finds the ticket of `serve` in another. */
const defaultPath = (variables: Variables, { home, isAbsolute, join, platform }: Machine) => {
  const given = variables.get("XDG_STATE_HOME") ?? ""
  // The XDG specification says to ignore a relative path.
  if (isAbsolute(given)) return join(given, "feishu-ticket")
  const local = platform === "win32" ? variables.get("LOCALAPPDATA") : undefined
  return join(local ?? join(home, ".local/state"), "feishu-ticket")
}

export const parse = (
  option: Option.Option<string>,
  variables: Variables,
  machine: Machine = thisMachine()
): Effect.Effect<Location, UsageError> => {
  if (Option.isNone(option)) {
    return Effect.succeed({ _tag: "Files", path: defaultPath(variables, machine), isDefault: true })
  }
  const text = option.value
  if (text === "memory") return Effect.succeed({ _tag: "Memory" })
  if (text === "redis") return Effect.succeed({ _tag: "Redis", url: Option.none() })
  if (text.startsWith("file:")) {
    const path = text.slice("file:".length)
    return path === ""
      ? wrong("has no path: give the folder after file:")
      // A shell does not expand a ~ in the middle of a word.
      : Effect.succeed({
        _tag: "Files",
        path: machine.resolve(path.replace(/^~(?=[/\\]|$)/, () => machine.home)),
        isDefault: false
      })
  }
  if (/^rediss?:\/\//.test(text)) {
    return text.includes("@")
      ? wrong(
        "holds a user name or a password, which others on this machine could see (ps): put the whole URL into "
          + "FEISHU_REDIS_URL, and give --store redis"
      )
      : Effect.succeed({ _tag: "Redis", url: Option.some(text) })
  }
  return wrong("must be file:PATH, redis, redis://HOST:PORT/0, rediss://HOST:PORT/0 or, for serve, memory")
}

/** Refuses `memory`, for a command that reads what another process has written. */
export const parseKept = (
  option: Option.Option<string>,
  variables: Variables
): Effect.Effect<Kept, UsageError> =>
  Effect.filterOrFail(
    parse(option, variables),
    (location) => location._tag !== "Memory",
    () => wrong("memory is for serve alone, for its memory ends with it: name files or a Redis")
  )

/** Names the store without secrets. */
export const describe = (location: Location): string => {
  switch (location._tag) {
    case "Memory":
      return "memory"
    case "Files":
      return `files in ${location.path}`
    case "Redis":
      return Option.match(location.url, {
        onNone: () => "the Redis of FEISHU_REDIS_URL",
        onSome: (url) => `Redis at ${url}`
      })
  }
}

/** Fails if a folder cannot be written to. A Redis is not checked: the log says if it is away. */
export const checkWritable = (location: Location): Effect.Effect<void, UsageError, FileSystem.FileSystem> =>
  location._tag === "Files" ? FileStore.checkWritable(location.path) : Effect.void

/** Returns the stores of a location. */
export const layer = (
  location: Location,
  variables: Variables
): Layer.Layer<
  TicketStore.TicketStore | TokenStore.TokenStore | Claims,
  UsageError,
  FileSystem.FileSystem | PathService.Path
> => {
  switch (location._tag) {
    case "Memory":
      return Layer.merge(TicketStore.layerMemory, TokenStore.layerMemory)
    case "Files":
      return FileStore.layer(location.path)
    case "Redis":
      return Layer.unwrapEffect(
        Effect.map(Effect.promise(() => import("./RedisStore.js")), ({ layer }) => layer(location.url, variables))
      )
  }
}

/** Returns `true` if the store has an entry of the app, or if `--store` names the store. */
export const isInUse = (
  location: Kept,
  appId: string
): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  location._tag === "Files" && location.isDefault
    ? FileStore.holds(location.path, appId)
    : Effect.succeed(true)
