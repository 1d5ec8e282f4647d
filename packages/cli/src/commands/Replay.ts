/**
 * `feishu-ticket replay`: sends deliveries that `serve` has saved to a service, in the order of the files.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import type * as Options from "../Options.js"
import * as Output from "../Output.js"
import * as RandomBytes from "../RandomBytes.js"
import * as Report from "../Report.js"
import * as AnswerText from "../serve/deliveries/AnswerText.js"
import * as Delivered from "../serve/deliveries/Delivered.js"
import * as Forward from "../serve/deliveries/Forward.js"
import * as SavedFile from "../serve/deliveries/SavedFile.js"
import * as TargetClient from "../serve/deliveries/TargetClient.js"

/** A file that is read, and the content of its delivery, if the key decrypts the body. */
interface Read extends SavedFile.Saved {
  readonly file: string
  readonly delivered: Option.Option<Delivered.Delivered>
}

const read = (file: string, encryptKey: Option.Option<Redacted.Redacted>) =>
  Effect.gen(function*() {
    const saved = yield* SavedFile.read(file)
    return { ...saved, file, delivered: yield* Delivered.read(saved.body, encryptKey) }
  })

/** Returns the key, or fails if a signature of this key would be refused by the app of a file. */
const signingKey = (key: Option.Option<Redacted.Redacted>, all: ReadonlyArray<Read>) => {
  if (Option.isNone(key)) {
    return new Failure.UsageError({
      message:
        "--sign-anew needs FEISHU_ENCRYPT_KEY, which is part of each signature: set what the developer console has under "
        + "\"Encryption Strategy\", or name a file that has it with --dotenv"
    })
  }
  const foreign = all.find(({ delivered }) => Option.isNone(delivered))
  return foreign === undefined
    ? Effect.succeed(key.value)
    : new Failure.UsageError({
      message: `${foreign.file} cannot be decrypted with FEISHU_ENCRYPT_KEY: set the key of ${foreign.appId}`
    })
}

/** Signs the bytes of a delivery at the time of now (page "接收事件"). */
const signAnew = (key: Redacted.Redacted) => <A extends SavedFile.Saved>(saved: A) =>
  Effect.gen(function*() {
    const timestamp = String(Math.floor((yield* Clock.currentTimeMillis) / 1000))
    const nonce = yield* RandomBytes.hex(5)
    const signature = createHash("sha256").update(timestamp + nonce + Redacted.value(key)).update(saved.body).digest(
      "hex"
    )
    return {
      ...saved,
      headers: {
        ...saved.headers,
        "x-lark-request-timestamp": timestamp,
        "x-lark-request-nonce": nonce,
        "x-lark-signature": signature
      }
    }
  })

/** A delivery that was sent, for `--json`. */
interface Sent {
  readonly file: string
  readonly type: string
  readonly id: string
  readonly millis: number
  readonly status?: number
  readonly text?: string
  readonly reason?: Forward.NoAnswer["reason"]
  readonly failure?: string
}

const describe = (
  { file, id, type }: Read,
  { millis, result }: Forward.HandedOn,
  textOptions: AnswerText.Options
): { readonly sent: Sent; readonly line: string } => {
  const name = { file, type, id, millis }
  if (Either.isLeft(result)) {
    const { message, reason } = result.left
    return { sent: { ...name, reason, failure: `the service ${message}` }, line: `${file}: the service ${message}` }
  }
  const { body, status } = result.right
  const text = AnswerText.line(body, textOptions)
  return {
    sent: { ...name, status, text: AnswerText.show(body, textOptions) },
    line: `${file}: ${type}, answered ${status} after ${Duration.format(Duration.millis(millis))}${
      text === "" ? "" : `, ${text}`
    }`
  }
}

const secretsIn = (variables: Configuration.Variables): ReadonlyArray<Redacted.Redacted> =>
  ["FEISHU_APP_SECRET", "FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"].flatMap((name) => {
    const value = variables.get(name)
    return value === undefined ? [] : [Redacted.make(value)]
  })

/** Returns the result of all deliveries. */
const conclude = (sent: ReadonlyArray<Sent>, url: URL): Effect.Effect<Report.Result, Failure.Failure> => {
  const taken = sent.filter(({ status }) => status === 200).length
  const counted = `${Forward.show(url)} took ${taken} of ${sent.length} deliveries`
  const unreachable = sent.find(({ reason }) => reason === "Unreachable")
  if (unreachable !== undefined) {
    return new Failure.NoService({ message: `${counted}: ${unreachable.failure ?? ""}` })
  }
  return taken === sent.length
    ? Effect.succeed({ json: {}, text: counted })
    : new Failure.NotTaken({ message: counted, more: {} })
}

const send = (options: Options.Replay, done: Array<Sent>) =>
  Effect.gen(function*() {
    const url = yield* Forward.target("--to", options.to)
    const variables = yield* Configuration.variables(options)
    const key = Option.map(Option.fromNullable(variables.get("FEISHU_ENCRYPT_KEY")), Redacted.make)
    const secrets = secretsIn(variables)
    if (options.files.length === 0) return yield* new Failure.UsageError({ message: "replay needs FILE…" })
    // All are read before any is sent, so that a wrong name sends nothing.
    const all = yield* Effect.forEach(options.files, (file) => read(file, key))
    const sign = options.signAnew ? signAnew(yield* signingKey(key, all)) : Effect.succeed<Read>
    const client = yield* HttpClient.HttpClient
    const { line } = yield* Output.Output
    for (const saved of all) {
      const { body, headers } = yield* sign(saved)
      const handedOn = yield* Forward.send({ client, url, headers, body, within: Forward.timeLimit })
      const payload = Option.match(saved.delivered, { onNone: () => ({}), onSome: ({ payload }) => payload })
      const described = describe(saved, handedOn, { secrets, payload, reveal: false })
      done.push(described.sent)
      if (!options.json) yield* line(Output.plain(described.line))
    }
    return yield* conclude(done, url)
  })

export const run = (options: Options.Replay) =>
  Effect.suspend(() => {
    const done: Array<Sent> = []
    return send(options, done).pipe(
      Effect.provide(TargetClient.layer),
      (effect) =>
        Report.report(effect, {
          json: options.json,
          more: Effect.sync(() => ({ deliveries: done }))
        })
    )
  })
