/** The file of `--state`: what the next run of the emulator continues with. */
import type { App } from "@effect-feishu/emulator/App"
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as AtomicFile from "../../AtomicFile.js"
import * as Failure from "../../Failure.js"
import * as JsonFile from "../../JsonFile.js"

const version = 1

/** The secrets that the emulator makes up, by their variables. */
export const secrets = {
  FEISHU_APP_SECRET: "appSecret",
  FEISHU_ENCRYPT_KEY: "encryptKey",
  FEISHU_VERIFICATION_TOKEN: "verificationToken"
} as const

export type SecretName = keyof typeof secrets

export const secretNames = Object.keys(secrets) as ReadonlyArray<SecretName>

const lasting = {
  value: Schema.Redacted(Schema.NonEmptyString),
  /** On this machine's clock, however far the platform's clock was run forward. */
  expiresAt: Schema.DateTimeUtc.annotations({ message: () => "must be a time, as 2026-01-31T12:00:00Z" })
}

const KeptApp = Schema.Struct({
  appId: Schema.NonEmptyString,
  appSecret: Schema.Redacted(Schema.NonEmptyString),
  kind: Schema.optional(Schema.Literal("store", "self-built")),
  enabled: Schema.optional(Schema.Boolean),
  encryptKey: Schema.optional(Schema.Redacted(Schema.NonEmptyString)),
  verificationToken: Schema.optional(Schema.Redacted(Schema.NonEmptyString)),
  tenants: Schema.optional(Schema.Array(Schema.String)),
  jwtTokens: Schema.optional(Schema.Boolean),
  requestUrl: Schema.optional(Schema.String),
  /** The secrets that the emulator has made up, and so may show. */
  madeUp: Schema.Array(Schema.Literal(...secretNames)),
  tickets: Schema.Array(Schema.Struct(lasting)),
  tokens: Schema.optionalWith(
    Schema.Array(Schema.Struct({
      ...lasting,
      kind: Schema.Literal("app", "tenant", "user"),
      tenantKey: Schema.optional(Schema.String)
    })),
    { default: () => [] }
  )
})

export type KeptApp = typeof KeptApp.Type

const State = Schema.Struct({
  version: Schema.Literal(version),
  /** The app whose variables are shown. */
  appId: Schema.String,
  apps: Schema.Array(KeptApp)
})

export type State = typeof State.Type

const decode = Schema.decodeUnknown(State, { errors: "all" })
const encode = Schema.encodeSync(State)
const hasVersion = Schema.is(Schema.Struct({ version: Schema.Int }))

const notOverwritten = "It is left as it is: choose another file, or remove this one"

/** Returns `undefined` if the file does not exist. */
const textOf = (path: string): Effect.Effect<string | undefined, PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.catchIf(
      (error) => error._tag === "SystemError" && error.reason === "NotFound",
      () => Effect.succeed(undefined)
    )
  )

/** A state, and the text from which it was read. */
export interface Read {
  readonly state: State
  readonly text: string
}

/** Reads the file. Returns `undefined` if the file does not exist. */
export const read = (path: string): Effect.Effect<Read | undefined, Failure.UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    // `JsonFile.readSecrets` says why a file cannot be read.
    const text = yield* Effect.orElseSucceed(textOf(path), () => "")
    if (text === undefined) return undefined
    const named = `--state ${path}`
    const wrong = (message: string) => new Failure.UsageError({ message: `${message}. ${notOverwritten}` })
    const json = yield* Effect.mapError(JsonFile.readSecrets(named, path), ({ message }) => wrong(message))
    if (hasVersion(json) && json.version !== version) {
      return yield* wrong(
        `${named} is of version ${json.version}, and this feishu-ticket knows version ${version}`
      )
    }
    const state = yield* Effect.mapError(
      decode(json),
      (error) => wrong(`${named} is no state of an emulator: ${JsonFile.flawsOfSecrets(error)}`)
    )
    const ids = state.apps.map(({ appId }) => appId)
    const twice = ids.find((id, i) => ids.indexOf(id) !== i)
    return twice === undefined ? { state, text } : yield* wrong(`${named} has two apps of the id ${twice}`)
  })

/** Returns the tickets of a state, as the emulator takes them. */
export const ticketsOf = ({ apps }: State): ReadonlyArray<Emulator.EarlierTicket> =>
  apps.flatMap(({ appId, tickets }) => tickets.map((ticket) => ({ appId, ...ticket })))

/** Returns the tokens of a state, as the emulator takes them. */
export const tokensOf = ({ apps }: State): ReadonlyArray<Emulator.EarlierToken> =>
  apps.flatMap(({ appId, tokens }) => tokens.map(({ tenantKey, ...token }) => ({ ...token, appId, tenantKey })))

export type Secrets = Partial<Record<SecretName, string>>

/** Says which secrets of an app are still those that the emulator has made up. */
const madeUpOf = (app: App, made: Secrets | undefined): ReadonlyArray<SecretName> =>
  secretNames.filter((name) => {
    const secret = app[secrets[name]]
    return secret !== undefined && made?.[name] === Redacted.value(secret)
  })

const keptOf = (emulator: Emulator.Service, made: ReadonlyMap<string, Secrets>) => (app: App) =>
  Effect.gen(function*() {
    const tickets = yield* emulator.tickets(app.appId)
    const tokens = yield* emulator.tokens(app.appId)
    const advanced = yield* emulator.advanced
    const endOf = ({ expiresAt }: Emulator.Ticket) => DateTime.subtract(expiresAt, { millis: advanced })
    const { requestUrl, ...others } = app
    const kept: KeptApp = {
      ...others,
      requestUrl: typeof requestUrl === "string" ? requestUrl : undefined,
      madeUp: madeUpOf(app, made.get(app.appId)),
      tickets: tickets.map((ticket) => ({ value: ticket.value, expiresAt: endOf(ticket) })),
      tokens: tokens.map((token) => Object.assign({}, token, { expiresAt: endOf(token) }))
    }
    return kept
  })

/** The file was changed by another program. */
class Changed extends Data.TaggedError("Changed") {}

/** How often the file is compared with what the emulator knows. */
const interval = "200 millis"

/**
 * Writes the file now, after each change, and at the end of the scope. `before` is the text from which the state was read.
 *
 * Fails only if the file cannot be written now: a later failure is logged once. Does not write any longer after another program
 * has written the file.
 */
export const keep = (
  path: string,
  emulator: Emulator.Service,
  { appId, before, made }: {
    readonly appId: string
    readonly before: string | undefined
    readonly made: ReadonlyMap<string, Secrets>
  }
) =>
  Effect.gen(function*() {
    let written = before
    let savedRevision = -1
    let isFailing = false
    let isForeign = false
    /** Fails if another emulator, or somebody, has written the file. A file that was removed is written again. */
    const checkOwn = Effect.gen(function*() {
      const found = yield* textOf(path)
      if (found !== undefined && found !== written) return yield* new Changed()
    })
    const save = Effect.gen(function*() {
      const revision = yield* emulator.revision
      if (isForeign || revision === savedRevision) return
      const apps = yield* Effect.flatMap(emulator.apps, Effect.forEach(keptOf(emulator, made)))
      const text = `${JSON.stringify(encode({ version, appId, apps }), null, 2)}\n`
      yield* checkOwn
      yield* AtomicFile.write(path, text)
      written = text
      savedRevision = revision
      isFailing = false
      // The end of the emulator must not come between the file and what is known of it.
    }).pipe(Effect.uninterruptible)
    const logOnce = (error: PlatformError | Changed) =>
      Effect.suspend(() => {
        if (error._tag === "Changed") {
          isForeign = true
          return Effect.logError(
            `--state ${path} was changed by another program, and is no longer written: give each emulator a file of its own`
          )
        }
        const isNew = !isFailing
        isFailing = true
        return isNew
          ? Effect.logError(`--state ${path} cannot be written: ${AtomicFile.whyNot(error)}. It is tried again`)
          : Effect.void
      })
    const trySave = Effect.catchAll(save, logOnce)
    yield* Effect.mapError(save, (error) =>
      new Failure.UsageError({
        message: `--state ${path} cannot be written: ${
          error._tag === "Changed" ? "another program writes it" : AtomicFile.whyNot(error)
        }`
      }))
    yield* Effect.addFinalizer(() => trySave)
    yield* Effect.forkScoped(Effect.repeat(trySave, Schedule.spaced(interval)))
  })
