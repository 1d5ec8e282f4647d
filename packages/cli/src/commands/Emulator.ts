/**
 * `feishu-ticket emulator`: the platform on this machine, for an app in any language.
 */
import * as EmulatorServer from "@effect-feishu/emulator/Emulator"
import * as Journal from "@effect-feishu/emulator/Journal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type * as Commands from "../Commands.js"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import * as Output from "../Output.js"
import * as Time from "../Time.js"

/** Of letters and digits, as the platform's are. */
const madeUp = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 36), 32),
  (numbers) => numbers.map((number) => number.toString(36)).join("")
)

const secretNames = ["FEISHU_APP_SECRET", "FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"] as const

export const run = (options: Commands.Emulator) =>
  Effect.gen(function*() {
    const variables = new Map(yield* Configuration.variables(options))
    // The address of the platform is what this command makes.
    for (const name of ["FEISHU_BASE_URL", "FEISHU_DOMAIN"]) variables.delete(name)
    const made: Record<string, string> = {}
    for (const name of secretNames) {
      if (!variables.has(name)) made[name] = yield* madeUp
    }
    const app = yield* Configuration.app(
      new Map([["FEISHU_APP_ID", "cli_emulated"], ...variables, ...Object.entries(made)])
    )
    const isUrl = (text: string) => /^https?:\/\//i.test(text) && URL.canParse(text)
    if (Option.isSome(options.requestUrl) && !isUrl(options.requestUrl.value)) {
      return yield* new Failure.UsageError({ message: "--request-url must be an http or https URL" })
    }
    const output = yield* Output.Output
    const say = (type: string, json: object, text: string) =>
      output.line(options.json ? JSON.stringify({ type, ...json }) : text)

    const show = (entry: Journal.Entry) => {
      const { _tag, at, ...rest } = entry
      const iso = (millis: number) => DateTime.formatIso(DateTime.unsafeMake(millis))
      return say(
        _tag.toLowerCase(),
        { at: iso(at), ...rest, ...("endedAt" in rest ? { endedAt: iso(rest.endedAt) } : {}) },
        `${output.paint("dim", Time.ofDay(at))}  ${Output.plain(Journal.line(entry))}`
      )
    }

    const program = Effect.gen(function*() {
      const emulator = yield* EmulatorServer.Emulator
      const requestUrl = Option.getOrUndefined(options.requestUrl)
      const settings: Record<string, string> = {
        FEISHU_BASE_URL: emulator.baseUrl,
        FEISHU_APP_ID: app.appId,
        ...(app.kind === "self-built" ? { FEISHU_APP_KIND: app.kind } : {}),
        ...made
      }
      const given = secretNames.filter((name) => !(name in made))
      yield* say(
        "listening",
        { url: emulator.baseUrl, appId: app.appId, requestUrl: requestUrl ?? null, variables: settings },
        // As a whole, a file for `--env-file`: in one, a line of words would swallow the next.
        [
          `# The platform listens on ${output.paint("cyan", emulator.baseUrl)}. Its app:`,
          ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
          ...(given.length > 0 ? [`# ${given.join(", ")}: as in the environment`] : []),
          requestUrl === undefined
            ? "# It pushes nothing, for it has no --request-url."
            : `# It pushes to ${requestUrl}, and a ticket as soon as that answers the handshake.`,
          ""
        ].join("\n")
      )
      let reason: string | undefined
      /** Each exchange, but of a handshake that is tried again and again only what is new. */
      const journal = Stream.runForEach(emulator.changes, (entry) => {
        const isOld = entry._tag === "Handshake" && entry.outcome === "failed" && entry.reason === reason
        if (entry._tag === "Handshake") reason = entry.reason
        return isOld ? Effect.void : show(entry)
      })
      const handshake = requestUrl === undefined ? Effect.void : emulator.setRequestUrl(app.appId, requestUrl).pipe(
        Effect.retry(Schedule.spaced("1 second")),
        output.waiting(`waiting for ${requestUrl} to answer the handshake`),
        // What it was asked for before is lost, and what an earlier run of it pushed is no ticket of this one's. Only a
        // self-built app gets none.
        Effect.zipRight(Effect.ignore(emulator.pushTicket(app.appId)))
      )
      return yield* Effect.zipRight(Effect.all([journal, handshake], { concurrency: "unbounded" }), Effect.never)
    })

    yield* program.pipe(
      Effect.provide(EmulatorServer.layerServer({
        port: options.port,
        pushDelay: options.realistic ? "realistic" : Duration.millis(200),
        apps: [{
          appId: app.appId,
          appSecret: app.appSecret,
          kind: app.kind,
          encryptKey: Option.getOrUndefined(app.encryptKey),
          verificationToken: Option.getOrUndefined(app.verificationToken),
          ...(options.tenant.length > 0 ? { tenants: options.tenant } : {})
        }]
      })),
      Effect.catchTags({
        ServerError: ({ cause, port }) =>
          new Failure.UsageError({
            message: `port ${port} cannot be listened on: choose another with --port, or 0 for any free one (${
              cause instanceof Error ? cause.message : String(cause)
            })`
          }),
        OptionsError: ({ message }) => new Failure.UsageError({ message }),
        // Tried again until it passes; and the app is there.
        RequestUrlError: Effect.die,
        UnknownApp: Effect.die
      })
    )
    return { json: {}, text: "" }
  }).pipe((effect) => Failure.report(effect, options))
