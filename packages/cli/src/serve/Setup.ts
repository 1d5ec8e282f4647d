/** Reads the options of `serve`. Fails with a sentence before anything listens. */
import type * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Configuration from "../Configuration.js"
import { UsageError } from "../Failure.js"
import { flagOf } from "../Input.js"
import * as JsonFile from "../JsonFile.js"
import type * as Options from "../Options.js"
import * as Store from "../Store.js"
import * as Apps from "./Apps.js"
import type * as Answering from "./deliveries/Answering.js"
import * as Forward from "./deliveries/Forward.js"
import * as Saved from "./deliveries/Saved.js"
import type * as Listen from "./Listen.js"
import * as RequestUrl from "./RequestUrl.js"
import * as Keys from "./tokens/Keys.js"

export interface Setup {
  readonly apps: ReadonlyArray<FeishuApp.Service>
  readonly variables: Configuration.Variables
  readonly location: Store.Location
  readonly path: HttpLayerRouter.PathInput
  readonly policy: Answering.Policy
  readonly saved: Saved.Service | undefined
  /** `undefined`: no token service. */
  readonly tokens: { readonly keys: Keys.Keys; readonly address: Listen.Address } | undefined
}

const policyOf = (
  { dropEvents, forwardTo, host, port }: Options.Serve
): Effect.Effect<Answering.Policy, UsageError> => {
  if (Option.isNone(forwardTo)) return Effect.succeed({ _tag: dropEvents ? "Drop" : "Refuse" })
  return dropEvents
    ? new UsageError({ message: "--forward-to and --drop-events contradict each other: give only one of them" })
    : Effect.map(Forward.target("--forward-to", forwardTo.value, { port, host }), (to) => ({ _tag: "Forward", to }))
}

const keysOf = ({ tokensKeyFile }: Options.Serve, variables: Configuration.Variables) => {
  const given = variables.get("FEISHU_TOKENS_KEYS")
  if (Option.isSome(tokensKeyFile)) {
    const from = `--tokens-key-file ${tokensKeyFile.value}`
    return Effect.flatMap(
      JsonFile.readText(from, tokensKeyFile.value),
      (text) => Keys.parse(Redacted.make(text), from)
    )
  }
  return given === undefined ? Effect.succeed(Keys.none) : Keys.parse(Redacted.make(given), "FEISHU_TOKENS_KEYS")
}

/** The options that belong to `--tokens`. */
const tokenOptions = ["tokensPort", "tokensHost", "tokensSocket", "tokensKeyFile"] as const

const addressOf = (
  { tokensHost, tokensPort, tokensSocket }: Options.Serve
): Effect.Effect<Listen.Address, UsageError> => {
  if (Option.isNone(tokensSocket)) {
    return Effect.succeed({
      _tag: "Tcp",
      host: Option.getOrElse(tokensHost, () => "127.0.0.1"),
      port: Option.getOrElse(tokensPort, () => 3001)
    })
  }
  return Option.isSome(tokensHost) || Option.isSome(tokensPort)
    ? new UsageError({
      message: "--tokens-socket and --tokens-host or --tokens-port contradict each other: give only one address"
    })
    : Effect.succeed({ _tag: "Unix", path: tokensSocket.value })
}

const tokensOf = (options: Options.Serve, variables: Configuration.Variables) =>
  Effect.gen(function*() {
    const given = tokenOptions.find((name) => Option.isSome<unknown>(options[name]))
    if (options.tokens) return { keys: yield* keysOf(options, variables), address: yield* addressOf(options) }
    return given === undefined
      ? undefined
      : yield* new UsageError({ message: `--${flagOf(given)} belongs to --tokens: give --tokens, too` })
  })

/** The options that name files of secrets. */
const secretFiles = ["dotenv", "appSecretFile", "apps", "tokensKeyFile"] as const

/** Warns of a file that every user of the machine can read. Does not warn of a group, which may be the service's own. */
const warnIfOpen = (option: string, path: Option.Option<string>) =>
  Option.match(Option.filter(path, (path) => path !== "-" && process.platform !== "win32"), {
    onNone: () => Effect.void,
    onSome: (path) =>
      Effect.flatMap(FileSystem.FileSystem, (fs) => fs.stat(path)).pipe(
        Effect.flatMap(({ mode, type }) =>
          type === "File" && (mode & 0o004) !== 0
            ? Effect.logWarning(
              `${option} ${path} holds secrets, and its mode lets every user of this machine read it: chmod o-r ${path}`
            )
            : Effect.void
        ),
        Effect.ignore
      )
  })

export const make = (options: Options.Serve): Effect.Effect<Setup, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const variables = yield* Configuration.variables(options)
    const apps = yield* Apps.configured(options, variables)
    const path = yield* RequestUrl.pathOf(options.path)
    const location = yield* Store.parse(options.store, variables)
    yield* Store.checkWritable(location)
    for (const name of secretFiles) yield* warnIfOpen(`--${flagOf(name)}`, options[name])
    const policy = yield* policyOf(options)
    const tokens = yield* tokensOf(options, variables)
    const saved = Option.isSome(options.saveDeliveries)
      ? yield* Saved.make({ folder: options.saveDeliveries.value })
      : undefined
    return { apps, variables, location, path, policy, saved, tokens }
  })
