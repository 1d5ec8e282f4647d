/** Which apps the emulator begins with, and which of their variables are shown. */
import type { App } from "@effect-feishu/emulator/App"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Path from "node:path"
import { parseEnv } from "node:util"
import * as Configuration from "../../Configuration.js"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Failure from "../../Failure.js"
import * as Destination from "./destination.js"
import * as EnvFile from "./envFile.js"
import * as StateFile from "./stateFile.js"

/** Of letters and digits, as the platform's are. */
const madeUp = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 36), 32),
  (numbers) => numbers.map((number) => number.toString(36)).join("")
)

/** The variables that `--write-env` takes from the file to which it writes. */
const ownNames = ["FEISHU_APP_ID", "FEISHU_APP_KIND", ...StateFile.secretNames] as const

/** Reads the variables of the app that the file of `--write-env` already has. */
const readWritten = (path: Option.Option<string>, given: Configuration.Variables) =>
  Effect.gen(function*() {
    if (Option.isNone(path)) return new Map<string, string>()
    yield* Destination.check("--write-env", path.value)
    const all = parseEnv(yield* EnvFile.read(path.value))
    const own = ownNames.flatMap((name) => all[name] ? [[name, all[name]] as const] : [])
    const other = own.find(([name, value]) => given.has(name) && given.get(name) !== value)
    if (other !== undefined) {
      return yield* new Failure.UsageError({
        message:
          `--write-env ${path.value} has another ${
            other[0]
          } than this command is given, and would lose it: choose another `
          + "file"
      })
    }
    return new Map<string, string>(own)
  })

/** Says where a secret is that is not shown. */
const sourceOf = (
  name: StateFile.SecretName,
  value: string,
  { envFile, options, written }: {
    readonly options: EmulatorOptions.Start
    readonly envFile: NodeJS.Dict<string>
    readonly written: Configuration.Variables
  }
): string => {
  if (name === "FEISHU_APP_SECRET" && Option.isSome(options.appSecretFile)) return "as in the file of --app-secret-file"
  const inFile = (path: Option.Option<string>) => `left out here, because ${Option.getOrElse(path, () => "")} has it`
  if (envFile[name] === value) return inFile(options.dotenv)
  if (process.env[name] === value) return "as in the environment"
  if (written.get(name) === value) return inFile(options.writeEnv)
  return inFile(Option.isSome(options.dotenv) ? options.dotenv : options.state)
}

/** Groups the secrets that are not shown by where they are. */
const group = (sources: ReadonlyMap<StateFile.SecretName, string>): ReadonlyArray<string> =>
  [...new Set(sources.values())].map((source) =>
    `# ${[...sources].flatMap(([name, other]) => other === source ? [name] : []).join(", ")}: ${source}`
  )

/** The variables of the app that the command is given. */
const variablesOf = (options: EmulatorOptions.Start) =>
  Effect.gen(function*() {
    const { appId, appSecretFile, dotenv } = options
    const guarded = Option.isSome(dotenv) ? yield* Destination.guard(dotenv.value) : undefined
    const given = new Map(yield* Configuration.variables({ appId, appSecretFile, dotenv }))
    // The address of the platform is what this command makes.
    for (const name of ["FEISHU_BASE_URL", "FEISHU_DOMAIN"]) given.delete(name)
    const written = yield* readWritten(options.writeEnv, given)
    return { guarded, written, variables: new Map([...written, ...given]) }
  })

/** Returns the secrets of the app: given, kept, or made up now. */
const secretsOf = (variables: Configuration.Variables, known: StateFile.KeptApp | undefined) =>
  Effect.gen(function*() {
    const secrets: StateFile.Secrets = {}
    const made: StateFile.Secrets = {}
    for (const name of StateFile.secretNames) {
      const given = variables.get(name)
      const kept = known?.[StateFile.secrets[name]]
      // An app that is kept without a key has none.
      const value = given ?? (kept === undefined ? undefined : Redacted.value(kept))
        ?? (known === undefined ? yield* madeUp : undefined)
      if (value === undefined) continue
      secrets[name] = value
      const isMadeUp = given === undefined && (known === undefined || known.madeUp.includes(name))
      if (isMadeUp) made[name] = value
    }
    return { secrets, made }
  })

/** Returns the secrets of the kept apps that the emulator has made up, by app. */
const madeBefore = (state: StateFile.State | undefined): ReadonlyMap<string, StateFile.Secrets> =>
  new Map(
    (state?.apps ?? []).map((app) => [
      app.appId,
      Object.fromEntries(app.madeUp.flatMap((name) => {
        const secret = app[StateFile.secrets[name]]
        return secret === undefined ? [] : [[name, Redacted.value(secret)] as const]
      }))
    ])
  )

const appOfKept = ({ madeUp: _, tickets: __, tokens: ___, ...app }: StateFile.KeptApp): App => app

/** Works out what the emulator begins with. */
export const make = (options: EmulatorOptions.Start) =>
  Effect.gen(function*() {
    const files = [options.state, options.writeEnv].flatMap(Option.toArray).map((file) => Path.resolve(file))
    if (files.length === 2 && files[0] === files[1]) {
      return yield* new Failure.UsageError({ message: "--state and --write-env name the same file: give each its own" })
    }
    const { guarded, variables, written } = yield* variablesOf(options)
    const read = Option.isSome(options.state) ? yield* StateFile.read(options.state.value) : undefined
    const state = read?.state
    const appId = variables.get("FEISHU_APP_ID") ?? state?.appId ?? "cli_emulated"
    const known = state?.apps.find((app) => app.appId === appId)
    const { made, secrets } = yield* secretsOf(variables, known)
    const app = yield* Configuration.app(
      new Map([
        ...(known?.kind === undefined ? [] : [["FEISHU_APP_KIND", known.kind] as const]),
        ...variables,
        ["FEISHU_APP_ID", appId],
        ...Object.entries(secrets)
      ])
    )
    const requestUrl = Option.getOrUndefined(options.requestUrl)
    const first: App = {
      ...(known !== undefined && appOfKept(known)),
      appId: app.appId,
      appSecret: app.appSecret,
      kind: app.kind,
      encryptKey: Option.getOrUndefined(app.encryptKey),
      verificationToken: Option.getOrUndefined(app.verificationToken),
      ...(options.tenant.length > 0 && { tenants: options.tenant }),
      // Another URL counts only after its handshake.
      requestUrl: requestUrl === undefined || requestUrl === known?.requestUrl ? known?.requestUrl : undefined
    }
    const sources = new Map(
      Object.entries(secrets).flatMap(([key, value]) => {
        const name = key as StateFile.SecretName
        return name in made
          ? []
          : [[name, sourceOf(name, value, { options, written, envFile: guarded?.variables ?? {} })] as const]
      })
    )
    return {
      app,
      apps: [first, ...(state?.apps ?? []).filter((other) => other !== known).map(appOfKept)],
      tickets: state === undefined ? [] : StateFile.ticketsOf(state),
      tokens: state === undefined ? [] : StateFile.tokensOf(state),
      /** The text of the state file. */
      before: read?.text,
      /** The request URL that is saved already. */
      savedUrl: first.requestUrl,
      secrets,
      made,
      /** By app, for the state file. */
      allMade: new Map([...madeBefore(state), [app.appId, made]]),
      missing: [...sources.keys()],
      missingLines: group(sources),
      /** Fails if the file of `--dotenv` was emptied since it was read. */
      verify: guarded?.verify ?? Effect.void
    }
  })

export type Setup = Effect.Effect.Success<ReturnType<typeof make>>
