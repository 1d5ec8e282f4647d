/** The app and its platform: from the options, the environment and the file that `--dotenv` names, in this order. */
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as ConfigError from "effect/ConfigError"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { parseEnv } from "node:util"
import { UsageError } from "./Failure.js"
import * as Network from "./Network.js"
import * as StandardInput from "./StandardInput.js"

export interface Options {
  readonly dotenv: Option.Option<string>
  readonly appId: Option.Option<string>
  readonly appSecretFile?: Option.Option<string>
  readonly baseUrl?: Option.Option<string>
  readonly domain?: Option.Option<string>
}

export type Variables = ReadonlyMap<string, string>

/** Says why a file cannot be read. Leaves out its name, which may be a secret that was given in place of a name. */
export const whyNot = (error: PlatformError): string => {
  if (error._tag === "SystemError" && error.reason === "NotFound") return "there is no such file"
  if (error._tag === "SystemError" && error.reason === "PermissionDenied") return "permission denied"
  return error.message.includes("EISDIR") ? "it is a folder" : "it is not a file that can be read"
}

export const readFile = (
  named: string,
  path: string
): Effect.Effect<string, UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.mapError((error) => new UsageError({ message: `${named} cannot be read: ${whyNot(error)}` }))
  )

const readSecret = (path: string) =>
  (path === "-"
    ? StandardInput.readText("--app-secret-file -")
    : readFile("the file of --app-secret-file", path)).pipe(
      // Editors end a file with a line break.
      Effect.map((text) => text.replace(/\r?\n$/, "")),
      Effect.filterOrFail(
        (text) => text !== "",
        () =>
          new UsageError({
            message: "--app-secret-file is empty: put the app's secret into the file, or standard input"
          })
      )
    )

const given = (option: Option.Option<string> | undefined) => option ?? Option.none<string>()

/** Both name the platform, so that either replaces both of a lesser source. */
const places = ["FEISHU_BASE_URL", "FEISHU_DOMAIN"] as const

/** Returns all variables. Ignores a variable that is empty. */
export const variables = (options: Options): Effect.Effect<Variables, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const variables = new Map<string, string>()
    const take = (record: Readonly<Record<string, string | undefined>>) => {
      const entries = Object.entries(record).flatMap(([name, value]) => value ? [[name, value] as const] : [])
      if (entries.some(([name]) => places.some((place) => place === name))) {
        for (const place of places) variables.delete(place)
      }
      for (const [name, value] of entries) variables.set(name, value)
    }
    if (Option.isSome(options.dotenv)) {
      take(parseEnv(yield* readFile(`--dotenv ${options.dotenv.value}`, options.dotenv.value)))
    }
    take(process.env)
    const baseUrl = given(options.baseUrl)
    const domain = given(options.domain)
    const secretFile = given(options.appSecretFile)
    if (Option.isSome(baseUrl) && Option.isSome(domain)) {
      return yield* new UsageError({ message: "--base-url and --domain say the same: give only one of them" })
    }
    take({
      FEISHU_APP_ID: Option.getOrUndefined(options.appId),
      FEISHU_BASE_URL: Option.getOrUndefined(baseUrl),
      FEISHU_DOMAIN: Option.getOrUndefined(domain),
      FEISHU_APP_SECRET: Option.isSome(secretFile) ? yield* readSecret(secretFile.value) : undefined
    })
    return variables
  })

const needed = {
  FEISHU_APP_ID: "the app's id, cli_…",
  FEISHU_APP_SECRET: "the app's secret (or name a file that holds it with --app-secret-file)"
}

/** Says what is wrong with a configuration, without its values. */
export const describe: (error: ConfigError.ConfigError) => string = ConfigError.reduceWithContext(undefined, {
  andCase: (_, left, right) => `${left}; ${right}`,
  orCase: (_, left) => left,
  invalidDataCase: (_, path, message) => `${path.join(".")}: ${message}`,
  missingDataCase: (_, path) => `${path.join(".")} is not set`,
  sourceUnavailableCase: (_, path, message) => `${path.join(".")}: ${message}`,
  unsupportedCase: (_, path, message) => `${path.join(".")}: ${message}`
})

export const nothingProves =
  "FEISHU_ENCRYPT_KEY and FEISHU_VERIFICATION_TOKEN are both not set, and nothing else proves a "
  + "delivery: set what the developer console has under \"Encryption Strategy\""

/** The variable and the option of each field of an app. */
const sources: Record<FeishuApp.FeishuAppError["field"], string> = {
  appId: "FEISHU_APP_ID (--app-id)",
  appSecret: "FEISHU_APP_SECRET (--app-secret-file)",
  kind: "FEISHU_APP_KIND",
  baseUrl: "FEISHU_BASE_URL (--base-url)",
  encryptKey: "FEISHU_ENCRYPT_KEY",
  verificationToken: "FEISHU_VERIFICATION_TOKEN"
}

/** Returns a `ConfigProvider` that reads these variables. */
export const provider = (variables: Variables): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromMap(new Map(variables))

export const app = (variables: Variables): Effect.Effect<FeishuApp.Service, UsageError> =>
  Effect.gen(function*() {
    const missing = Object.entries(needed).filter(([name]) => !variables.has(name))
    if (missing.length > 0) {
      return yield* new UsageError({
        message: `${
          missing.map(([name, what]) => `${name} is not set: ${what}`).join("; ")
        }. Both are in the developer `
          + "console under \"Credentials & Basic Info\"; put them into the environment, or into a file of NAME=value lines "
          + "that --dotenv names"
      })
    }
    const options = yield* Effect.withConfigProvider(FeishuApp.config, provider(variables))
    const app = yield* FeishuApp.make(options)
    yield* Network.checkFor(app.baseUrl)
    return app
  }).pipe(
    Effect.catchTag(
      "FeishuAppError",
      ({ field, problem }) => new UsageError({ message: `${sources[field]} ${problem}` })
    ),
    Effect.mapError((error) => error instanceof UsageError ? error : new UsageError({ message: describe(error) }))
  )

/** The app of the options and the variables. */
export const layer = (options: Options): Layer.Layer<FeishuApp.FeishuApp, UsageError, FileSystem.FileSystem> =>
  Layer.effect(FeishuApp.FeishuApp, Effect.flatMap(variables(options), app))
