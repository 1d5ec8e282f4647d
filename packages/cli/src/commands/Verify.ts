/**
 * `feishu-ticket verify`: whether a delivery is genuine, by the same rules as the webhook's, and what it holds.
 */
import * as EventCrypto from "@effect-feishu/auth/EventCrypto"
import * as EventHandler from "@effect-feishu/auth/EventHandler"
import * as EventSubscription from "@effect-feishu/auth/EventSubscription"
import * as FeishuApp from "@effect-feishu/auth/FeishuApp"
import * as FeishuEvent from "@effect-feishu/auth/FeishuEvent"
import * as TicketStore from "@effect-feishu/auth/TicketStore"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type * as Commands from "../Commands.js"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import * as Output from "../Output.js"
import * as Secrets from "../Secrets.js"
import * as Time from "../Time.js"

const cannotRead = (path: string, { message }: { readonly message: string }) =>
  new Failure.UsageError({ message: `--body ${path} cannot be read: ${message}` })

const readBody = (path: string) =>
  path === "-"
    ? Stream.runCollect(
      NodeStream.fromReadable<Failure.UsageError, Uint8Array>(
        () => process.stdin,
        (error) => cannotRead("-", { message: String(error) })
      )
    ).pipe(Effect.map((chunks) => Buffer.concat(Chunk.toReadonlyArray(chunks))))
    : Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile(path)).pipe(
      Effect.mapError((error) => cannotRead(path, error))
    )

/** As the headers of a delivery, if they were given. */
const headersOf = ({ nonce, signature, timestamp }: Commands.Verify) => {
  const all = Option.all({ timestamp, nonce, signature })
  const none = [timestamp, nonce, signature].every(Option.isNone)
  return none || Option.isSome(all)
    ? Effect.succeed(Option.match(all, {
      onNone: () => ({}),
      onSome: ({ nonce, signature, timestamp }) => ({
        "x-lark-request-timestamp": timestamp,
        "x-lark-request-nonce": nonce,
        "x-lark-signature": signature
      })
    }))
    : new Failure.UsageError({
      message: "--timestamp, --nonce and --signature belong together: give all three of them"
    })
}

const jsonIn = (text: string) => Either.getOrUndefined(Either.try((): unknown => JSON.parse(text)))

/** The app that the delivery itself names, unproven. */
const namedIn = (body: Uint8Array, encryptKey: Option.Option<Redacted.Redacted>) =>
  Effect.gen(function*() {
    const json = jsonIn(Buffer.from(body).toString("utf8")) as { readonly encrypt?: unknown } | undefined
    const encrypted = json?.encrypt
    if (typeof encrypted !== "string" || Option.isNone(encryptKey)) return json
    const { decrypt } = yield* EventCrypto.make(encryptKey.value)
    return jsonIn(yield* Effect.orElseSucceed(decrypt(encrypted), () => ""))
  }).pipe(Effect.map((json) => {
    const message = Either.getOrUndefined(FeishuEvent.decode(json))
    return message?._tag === "Event" ? message.event.appId : undefined
  }))

interface Seen {
  readonly json: object
  readonly lines: ReadonlyArray<readonly [label: string, text: string]>
}

const ofEvent = (event: FeishuEvent.FeishuEvent): Seen => ({
  json: {
    holds: "event",
    event: {
      type: event.type,
      id: event.id,
      appId: event.appId,
      tenantKey: Option.getOrNull(event.tenantKey),
      createdAt: Time.moment(event.createdAt),
      payload: event.payload
    }
  },
  lines: [
    ["holds", `an event, ${event.type}`],
    ["id", event.id],
    ["app", event.appId],
    ["tenant", Option.getOrElse(event.tenantKey, () => "none")],
    ["created", Time.moment(event.createdAt)],
    ["payload", JSON.stringify(event.payload, undefined, 2)]
  ]
})

const ofTicket = (ticket: TicketStore.Ticket, appId: string, reveal: boolean): Seen => ({
  json: {
    holds: "ticket",
    appId,
    ticket: Secrets.show(ticket.value, reveal),
    revealed: reveal,
    sentAt: Time.moment(ticket.sentAt)
  },
  lines: [
    ["holds", `an app ticket, ${Secrets.show(ticket.value, reveal)}`],
    ["app", appId],
    ["sent", Time.moment(ticket.sentAt)]
  ]
})

const ofChallenge = (challenge: string): Seen => ({
  json: { holds: "challenge", challenge },
  lines: [["holds", "a handshake: the request URL is being saved"], ["challenge", challenge]]
})

export const run = (options: Commands.Verify) =>
  Effect.gen(function*() {
    const variables = yield* Configuration.variables(options)
    const headers = yield* headersOf(options)
    const body = yield* readBody(options.body)
    const encryptKey = Option.map(Option.fromNullable(variables.get("FEISHU_ENCRYPT_KEY")), Redacted.make)
    const configured = variables.get("FEISHU_APP_ID")
    const appId = configured ?? (yield* namedIn(body, encryptKey)) ?? "unknown"
    const app = yield* Configuration.app(
      // The app's secret proves nothing here, so it need not be there.
      new Map([...variables, ["FEISHU_APP_ID", appId], ["FEISHU_APP_SECRET", "not needed"]])
    )
    let seen: Seen | undefined
    const verified = yield* Effect.gen(function*() {
      const { receive } = yield* EventSubscription.EventSubscription
      const receipt = yield* receive({ headers, body })
      if (receipt.outcome === "challenge") return ofChallenge(receipt.challenge)
      const ticket = yield* Effect.flatMap(TicketStore.TicketStore, ({ get }) => get(app.appId))
      return Option.isSome(ticket) ? ofTicket(ticket.value, app.appId, options.reveal) : seen
    }).pipe(
      Effect.provide(
        EventSubscription.layer({
          // However long ago it was: whether it is genuine does not change.
          maxAge: "36500 days",
          rememberFor: "73000 days",
          handlers: [EventHandler.all((event) => Effect.sync(() => void (seen = ofEvent(event))))]
        }).pipe(
          Layer.provideMerge(Layer.merge(Layer.succeed(FeishuApp.FeishuApp, app), TicketStore.layerMemory))
        )
      ),
      Effect.catchTag("EventSubscriptionError", () =>
        new Failure.UsageError({
          message:
            "FEISHU_ENCRYPT_KEY and FEISHU_VERIFICATION_TOKEN are both not set, and nothing else proves a delivery: "
            + "set what the developer console has under \"Encryption Strategy\""
        }))
    )
    const { json, lines } = verified ?? { json: {}, lines: [] }
    const { paint } = yield* Output.Output
    // One that has passed as signed has a timestamp that is a number.
    const signedAt = Option.isSome(app.encryptKey) && Option.isSome(options.timestamp)
      ? DateTime.make(Number(options.timestamp.value) * 1000)
      : Option.none()
    const isSigned = Option.isSome(signedAt)
    const now = yield* Clock.currentTimeMillis
    const age = Option.map(signedAt, (time) => now - DateTime.toEpochMillis(time))
    const proofs = [
      ...(isSigned ? ["its signature"] : []),
      ...(!isSigned && Option.isSome(app.encryptKey) ? ["its encryption"] : []),
      ...(Option.isSome(app.verificationToken) ? ["its verification token"] : [])
    ]
    return {
      json: {
        genuine: true,
        provenBy: proofs,
        signedAt: Option.getOrUndefined(Option.map(signedAt, Time.moment)),
        ageSeconds: Option.getOrUndefined(Option.map(age, (age) => Math.round(age / 1000))),
        ...json
      },
      text: [
        `${paint("green", "✓")} genuine: proven by ${proofs.join(" and ")}${
          Option.match(age, { onNone: () => "", onSome: (age) => `, signed ${Time.span(age)} ago` })
        }`,
        ...lines.map(([label, text]) => `${paint("bold", label.padEnd(9))} ${Output.plain(text)}`),
        ...(configured === undefined && appId !== "unknown"
          ? [paint("dim", "FEISHU_APP_ID is not set, so whose event it is was not checked.")]
          : [])
      ].join("\n")
    }
  }).pipe(
    Effect.catchTag("TicketStoreError", Effect.die),
    (effect) => Failure.report(effect, options)
  )
