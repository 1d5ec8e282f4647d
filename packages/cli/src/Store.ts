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
import { isAbsolute, join, resolve } from "node:path"
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
const defaultPath = (variables: Variables) => {
  const given = variables.get("XDG_STATE_HOME") ?? ""
  // The XDG specification has a relative one ignored.
  return join(isAbsolute(given) ? given : join(homedir(), ".local/state"), "feishu-ticket")
}

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
      // A shell leaves a ~ that does not begin the word as it is.
      : Effect.succeed({ _tag: "Files", path: resolve(path.replace(/^~(?=\/|$)/, homedir())), isDefault: false })
  }
  if (/^rediss?:\/\//.test(text)) {
    return text.includes("@")
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

const unusable = (path: string) => ({ message }: { readonly message: string }) =>
  wrong(`file:${path} must be a folder that can be written to: choose another, or change whose it is (${message})`)

const files = (path: string) =>
  Layer.unwrapEffect(
    Effect.map(
      // Fails where it is a file.
      Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeDirectory(path, { recursive: true })),
      () => KeyValueStore.layerFileSystem(path)
    )
  ).pipe(
    (keyValues) => Layer.provide(TicketStore.layerKeyValueStore({ pollInterval: "500 millis" }), keyValues),
    Layer.mapError(unusable(path)),
    // A token on disk would be worth more to a thief than to its user, who gets the same one again from the platform.
    Layer.merge(TokenStore.layerMemory)
  )

/** Whether a ticket can be kept there: else that would show only when one comes. Of a Redis it shows by itself. */
export const checkWritable = (location: Location): Effect.Effect<void, UsageError, FileSystem.FileSystem> =>
  location._tag !== "Files"
    ? Effect.void
    : Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory(location.path, { recursive: true })
      // Whoever may not, and whatever the reason: nothing tells but to do it.
      yield* fs.makeTempDirectoryScoped({ directory: location.path, prefix: ".writable-" })
    }).pipe(Effect.scoped, Effect.mapError(unusable(location.path)))

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
      Effect.map((names) => names.some((name) => name.split("%2F").includes(encodeURIComponent(appId)))),
      Effect.orElseSucceed(() => false)
    )
    : Effect.succeed(location._tag !== "Memory")
