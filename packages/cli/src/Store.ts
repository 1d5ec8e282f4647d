/**
 * Where the ticket is kept between two commands, or shared with a service: what `--store` says.
 */
import * as TicketStore from "@effect-feishu/auth/TicketStore"
import * as TokenStore from "@effect-feishu/auth/TokenStore"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import type { Variables } from "./Configuration.js"
import { UsageError } from "./Failure.js"

export type Location =
  | { readonly _tag: "Memory" }
  | {
    readonly _tag: "Files"
    readonly path: string
    /** Whether it is where no `--store` was given. */
    readonly isDefault: boolean
  }
  | { readonly _tag: "Redis"; readonly url: Option.Option<string> }

const wrong = (problem: string) => new UsageError({ message: `--store ${problem}` })

/** The same for all commands: one that runs `serve` in one terminal has its ticket in another. */
const defaultPath = (variables: Variables) =>
  join(variables.get("XDG_STATE_HOME") ?? join(homedir(), ".local/state"), "feishu-ticket")

export const parse = (
  option: Option.Option<string>,
  variables: Variables
): Effect.Effect<Location, UsageError> => {
  if (Option.isNone(option)) return Effect.succeed({ _tag: "Files", path: defaultPath(variables), isDefault: true })
  const text = option.value
  if (text === "memory") return Effect.succeed({ _tag: "Memory" })
  if (text === "redis") return Effect.succeed({ _tag: "Redis", url: Option.none() })
  if (text.startsWith("file:")) {
    const path = text.slice("file:".length)
    return path === ""
      ? wrong("has no path: give the folder after file:")
      : Effect.succeed({ _tag: "Files", path: resolve(path), isDefault: false })
  }
  if (/^rediss?:\/\//.test(text)) {
    return /:\/\/[^/]*@/.test(text)
      ? wrong(
        "holds a user name or a password, which others on this machine could see (ps): put the whole URL into "
          + "FEISHU_REDIS_URL, and give --store redis"
      )
      : Effect.succeed({ _tag: "Redis", url: Option.some(text) })
  }
  return wrong("must be file:PATH, redis, redis://HOST:PORT/0, rediss://HOST:PORT/0 or memory")
}

/** In words, without what may be a secret. */
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

const files = (path: string) => {
  const tickets = TicketStore.layerKeyValueStore({ pollInterval: "500 millis" })
  return tickets.pipe(
    Layer.provide(KeyValueStore.layerFileSystem(path)),
    Layer.mapError(({ message }) => wrong(`file:${path} cannot be used: ${message}`)),
    // A token on disk would be worth more to a thief than to its user, who gets the same one again from the platform.
    Layer.merge(TokenStore.layerMemory)
  )
}

/** The stores that it names. */
export const layer = (
  location: Location,
  variables: Variables
): Layer.Layer<
  TicketStore.TicketStore | TokenStore.TokenStore,
  UsageError,
  FileSystem.FileSystem | Path.Path
> => {
  switch (location._tag) {
    case "Memory":
      return Layer.merge(TicketStore.layerMemory, TokenStore.layerMemory)
    case "Files":
      return files(location.path)
    case "Redis":
      return Layer.unwrapEffect(
        Effect.map(Effect.promise(() => import("./RedisStore.js")), ({ layer }) => layer(location.url, variables))
      )
  }
}

/** Whether somebody has kept something of the app there. Of a store that was named it is taken for granted. */
export const isInUse = (
  location: Location,
  appId: string
): Effect.Effect<boolean, never, FileSystem.FileSystem> =>
  location._tag === "Files" && location.isDefault
    ? Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(location.path)).pipe(
      Effect.map((names) => names.some((name) => name.includes(encodeURIComponent(appId)))),
      Effect.orElseSucceed(() => false)
    )
    : Effect.succeed(location._tag !== "Memory")
