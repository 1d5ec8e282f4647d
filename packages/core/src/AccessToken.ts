/**
 * The access tokens, with which an app acts for itself or for a company: always a valid one, got once for all who ask.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import { constant, identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AppTicket from "./AppTicket.js"
import * as Claims from "./Claims.js"
import { FeishuApp, FeishuAppError } from "./FeishuApp.js"
import { FeishuApiError, type FeishuError } from "./FeishuError.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import { askedWait } from "./internal/askedWait.js"
import { decodeFields } from "./internal/call/fields.js"
import { onceMore } from "./internal/call/onceMore.js"
import * as OpenApi from "./internal/call/openApi.js"
import { isSame } from "./internal/isSame.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { monotonicMillis } from "./internal/monotonicMillis.js"
import { outcomeOf } from "./internal/outcomeOf.js"
import * as Outage from "./internal/store/outage.js"
import type { Ticket } from "./TicketStore.js"
import { type Dropped, type Key, type StoredToken, TokenStore } from "./TokenStore.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Token {
  /** What follows `Bearer` in the header `Authorization`. */
  readonly value: Redacted.Redacted
  readonly expiresAt: DateTime.Utc
  /** The company for which it is; none where it is the app's own. */
  readonly tenantKey: Option.Option<string>
}

/**
 * Why there is no token: the platform refused (code 11210 or 20009: that tenant has not installed the app) or could not
 * be reached, or there is no app ticket.
 *
 * @since 0.1.0
 * @category errors
 */
export type AccessTokenError = AppTicket.TicketError

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The app access token. */
  readonly app: Effect.Effect<Token, AccessTokenError>
  /**
   * That tenant's access token. A self-built app has one tenant, its own, and so one token, whatever the key.
   *
   * Where another process that shares the `TokenStore` gets it, this one waits for it, up to 40 s, and then gets it itself.
   */
  readonly tenant: (tenantKey: string) => Effect.Effect<Token, AccessTokenError>
  /**
   * Never hands out this token again: the platform has refused it (`FeishuApiError` of kind `TokenInvalid`). A newer one, which
   * somebody else may have got meanwhile, stays as it is.
   */
  readonly invalidate: (token: Token) => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class AccessToken extends Context.Tag("@effect-feishu/core/AccessToken")<AccessToken, Service>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The tokens of so many tenants are kept in memory, those that were used last. Default: 100,000. */
  readonly maxTenants?: number | undefined
  /**
   * In this time before its end a token is handed out while a new one is fetched. The platform gives a new one only when
   * less than 30 minutes are left (page "商店应用获取 app_access_token"). Default: 25 minutes; up to 5 minutes fewer by
   * chance, so that tokens which were got together are not renewed together.
   */
  readonly renewWithin?: Duration.DurationInput | undefined
  /** A token is no longer handed out so long before its end. Default: 3 minutes. */
  readonly expiryMargin?: Duration.DurationInput | undefined
}

/** The longest life that is believed. The platform says 2 hours at most. */
const longestLife = Duration.toMillis("1 day")

/** `expire`: in seconds. */
const Expire = Schema.Int.pipe(Schema.between(1, longestLife / 1000))

/** What fits into a header. */
const TokenValue = Schema.Redacted(Schema.String.pipe(Schema.pattern(/^[\x21-\x7e]+$/)))

const decodeAppAnswer = decodeFields(Schema.Struct({ app_access_token: TokenValue, expire: Expire }))
const decodeTenantAnswer = decodeFields(Schema.Struct({ tenant_access_token: TokenValue, expire: Expire }))

/** What the platform gave, when it was asked, and for how many seconds from then on. */
interface Issued {
  readonly value: Redacted.Redacted
  readonly expire: number
  readonly askedAt: Moment
}

/** The pause after a background renewal that failed, which doubles from the first to the last. */
const firstPause = Duration.toMillis("15 seconds")
const lastPause = Duration.toMillis("5 minutes")

/** Renewals are spread over so long. */
const jitter = Duration.toMillis("5 minutes")

/** A moment on both clocks: the system's can be set, and the other may stand still while the machine sleeps. */
interface Moment {
  readonly millis: number
  readonly nanos: bigint
}

const momentOf = (clock: Clock.Clock): Moment => ({
  millis: clock.unsafeCurrentTimeMillis(),
  nanos: clock.unsafeCurrentTimeNanos()
})

const later = ({ millis, nanos }: Moment, by: number): Moment => ({
  millis: millis + by,
  nanos: nanos + BigInt(Math.round(by * 1e6))
})

const earlier = (a: Moment, b: Moment): Moment => ({
  millis: Math.min(a.millis, b.millis),
  nanos: a.nanos < b.nanos ? a.nanos : b.nanos
})

/** Before it on both clocks. */
const isBefore = (clock: Clock.Clock, moment: Moment): boolean =>
  clock.unsafeCurrentTimeMillis() < moment.millis && clock.unsafeCurrentTimeNanos() < moment.nanos

interface Held {
  readonly token: Token
  readonly renewAt: Moment
  readonly goneAt: Moment
}

/** The place of one token: the app's, or one tenant's. */
interface Place {
  readonly tenantKey: Option.Option<string>
  /** What is handed out at once before `renewAt`: as flat as can be, for most calls come no further. */
  exit: Exit.Exit<Token> | undefined
  renewAtMillis: number
  renewAtNanos: bigint
  held: Held | undefined
  /** Of the fetch under way. */
  pending: Deferred.Deferred<Token, AccessTokenError> | undefined
  /** Renewals in the background that have failed since the last one that did not. */
  failures: number
  /** The values that were invalidated last, should the store still have one of them. */
  refused: ReadonlyArray<string>
  /** What another process has found to be invalid since the fetch under way began. */
  dropped: ReadonlyArray<string>
  /** The number of its last use. */
  used: number
}

const renewAt = (place: Place, { millis, nanos }: Moment) => {
  place.renewAtMillis = millis
  place.renewAtNanos = nanos
}

const hold = (place: Place, held: Held | undefined) => {
  place.held = held
  place.exit = held && Exit.succeed(held.token)
  if (held !== undefined) renewAt(place, held.renewAt)
}

const isOfKind = (kind: FeishuApiError["kind"]) => (error: { readonly _tag: string }): boolean =>
  error instanceof FeishuApiError && error.kind === kind

/** Invalidates the second value, unless it is the same as the first, and fails with the refusal. */
const thenFail = <V>(invalidate: (value: V) => Effect.Effect<void>) => <E>(error: E, other: Option.Option<V>) =>
  Effect.andThen(Option.match(other, { onNone: () => Effect.void, onSome: invalidate }), Effect.fail(error))

/** Of the app's secret, so that nothing that was got with another is taken for its own. */
const hashOf = (appId: string, appSecret: Redacted.Redacted): Effect.Effect<string> =>
  Effect.promise(() =>
    crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${appId}\n${Redacted.value(appSecret)}`))
  ).pipe(Effect.map((digest) => Encoding.encodeHex(new Uint8Array(digest, 0, 16))))

/** What is asked of the platform, which differs between the two kinds of app. */
interface Calls {
  /** The same for tenants that have the same token. */
  readonly placeOf: (tenantKey: string) => string
  readonly app: (once: Once) => Effect.Effect<Got, AccessTokenError, CallContext>
  readonly tenant: (
    tenantKey: string,
    once: Once,
    withAppToken: (
      use: (token: Token) => Effect.Effect<Got, FeishuError, CallContext>
    ) => Effect.Effect<Got, AccessTokenError, CallContext>
  ) => Effect.Effect<Got, AccessTokenError, CallContext>
}

type CallContext = FeishuApp | HttpClient.HttpClient

type Call = Effect.Effect<Issued, FeishuError, CallContext>

/** Makes this call, unless another process that shares the store makes it: then it gives what that one got. */
type Once = (call: Call) => Effect.Effect<Got, FeishuError, CallContext>

interface Got {
  readonly held: Held
  /** Whether another process got it. */
  readonly isShared: boolean
}

/** Whoever gets a token for all processes says so for this long, and again and again while it takes. */
const leaseFor = Duration.seconds(10)
const renewLeaseEvery = Duration.seconds(3)

/** What another process gets is looked for after this, and each time after twice as long up to the last. */
const firstLook = Duration.toMillis("50 millis")
const lastLook = Duration.toMillis("1 second")

/** Another process that takes longer is not waited for: by default a call with all its retries takes 30 s. */
const patience = Duration.toMillis("40 seconds")

/** The name that one of all processes claims while it fetches a token. */
const claimName = ({ secretHash, tenantKey }: Key): string =>
  Option.match(tenantKey, {
    onNone: () => `token/${secretHash}/app`,
    onSome: (key) => `token/${secretHash}/tenant/${key}`
  })

const makeWith = (
  options: Options | undefined,
  calls: Calls
): Effect.Effect<Service, never, CallContext | TokenStore | Scope.Scope> =>
  Effect.gen(function*() {
    const { appId, appSecret } = yield* FeishuApp
    const store = Outage.ofTokens(yield* TokenStore)
    const claims = Outage.ofClaims(
      yield* Effect.flatMap(
        Effect.serviceOption(Claims.Claims),
        Option.match({ onNone: () => Claims.makeMemory(), onSome: Effect.succeed })
      )
    )
    const secretHash = yield* hashOf(appId, appSecret)
    const renewWithin = Duration.toMillis(options?.renewWithin ?? "25 minutes")
    const expiryMargin = Duration.toMillis(options?.expiryMargin ?? "3 minutes")
    const maxTenants = Math.max(1, Math.floor(options?.maxTenants ?? 100_000))
    const byOutcome = {
      app: MetricLabels.make("outcome", { app_id: appId, token: "app" }),
      tenant: MetricLabels.make("outcome", { app_id: appId, token: "tenant" })
    }
    // In the layer's scope: what one caller begins others wait for, so a caller who goes away must not end it.
    // Interruptible, because a layer may be built in an uninterruptible region, and its scope must end all the same.
    const run = yield* Effect.interruptible(FiberSet.makeRuntime<CallContext>())

    const placeOf = (tenantKey: Place["tenantKey"]): Place => ({
      tenantKey,
      exit: undefined,
      renewAtMillis: 0,
      renewAtNanos: 0n,
      held: undefined,
      pending: undefined,
      failures: 0,
      refused: [],
      dropped: [],
      used: 0
    })
    const tenants = new Map<string, Place>()
    let uses = 0

    const keyOf = (place: Place) => ({
      appId,
      secretHash,
      tenantKey: Option.map(place.tenantKey, calls.placeOf)
    })

    /** Where the store fails, which has been told of, one does without. */
    const orElse = <A>(otherwise: A) => Effect.orElseSucceed<A>(() => otherwise)

    const holding = (
      place: Place,
      { expiresAt, value }: StoredToken,
      { goneAt, renewAt }: Omit<Held, "token">
    ): Held => ({
      token: { value, expiresAt, tenantKey: place.tenantKey },
      renewAt: earlier(renewAt, goneAt),
      goneAt
    })

    /** For how long before the end of a token it is renewed. */
    const renewal = Effect.map(Random.next, (random) => renewWithin - random * Math.min(jitter, renewWithin / 5))

    /** What the store has, where it is better than what is held. */
    const fromStore = (place: Place) =>
      Effect.gen(function*() {
        const stored = Option.getOrUndefined(yield* orElse(Option.none<StoredToken>())(store.get(keyOf(place))))
        const { held } = place
        const isBad = stored === undefined || place.refused.includes(Redacted.value(stored.value))
          || (held !== undefined && isSame(stored, held.token))
        if (isBad) return undefined
        const clock = yield* Effect.clock
        const now = momentOf(clock)
        const left = DateTime.toEpochMillis(stored.expiresAt) - now.millis
        // One from a time when this clock, or another's, was wrong.
        if (left > longestLife) return undefined
        // In its last minutes it is still better than none.
        const isRenewal = held !== undefined && isBefore(clock, held.goneAt)
        if (left <= (isRenewal ? renewWithin : expiryMargin)) return undefined
        return holding(place, stored, {
          renewAt: later(now, left - (yield* renewal)),
          goneAt: later(now, left - expiryMargin)
        })
      })

    /** What the platform gives is for all. */
    const keep = (place: Place, { askedAt, expire, value }: Issued) =>
      Effect.gen(function*() {
        const left = expire * 1000
        const token = { value, expiresAt: DateTime.unsafeMake(askedAt.millis + left) }
        yield* orElse(undefined)(store.put(keyOf(place), token))
        return holding(place, token, {
          // A token that lives shorter than these times is nevertheless of use for three quarters of its life.
          renewAt: later(askedAt, Math.max(left - (yield* renewal), left / 4)),
          goneAt: later(askedAt, left - Math.min(expiryMargin, left / 4))
        })
      })

    const onceFor = (place: Place): Once => (call) => {
      const key = keyOf(place)
      const shared = Effect.map(fromStore(place), (held) => held && { held, isShared: true })
      const own = Effect.map(Effect.flatMap(call, (issued) => keep(place, issued)), (held) => ({
        held,
        isShared: false
      }))
      const renewLease = (claim: Claims.Claim) =>
        Effect.ignore(claims.renew(claim, leaseFor)).pipe(Effect.delay(renewLeaseEvery), Effect.forever)
      return Effect.gen(function*() {
        const since = yield* monotonicMillis
        for (let look = firstLook;; look = Math.min(look * 2, lastLook)) {
          const answer = yield* Effect.option(claims.claim(appId, claimName(key), leaseFor))
          // Without the store nobody can say which process fetches.
          if (Option.isNone(answer)) return yield* own
          if (answer.value._tag === "Claimed") {
            const { claim } = answer.value
            return yield* Effect.ensuring(
              // Another process may have put a token between the last look and the claim.
              Effect.flatMap(shared, (got) => got ? Effect.succeed(got) : Effect.raceFirst(own, renewLease(claim))),
              Effect.ignore(claims.release(claim))
            )
          }
          if ((yield* monotonicMillis) - since > patience) return yield* own
          yield* Effect.sleep(Duration.min(answer.value.left, Duration.millis(look)))
          const got = yield* shared
          if (got !== undefined) return got
        }
      })
    }

    const fromPlatform = (place: Place) => {
      const labels = Option.isNone(place.tenantKey) ? byOutcome.app : byOutcome.tenant
      return Option.match(place.tenantKey, {
        onNone: () => calls.app(onceFor(place)),
        onSome: (tenantKey) => calls.tenant(tenantKey, onceFor(place), withAppToken)
      }).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            const outcome = Exit.isSuccess(exit) && exit.value.isShared ? "shared" : outcomeOf(exit)
            FeishuMetrics.tokenFetches.unsafeUpdate(1, labels(outcome))
          })
        ),
        Effect.map(({ held }) => held)
      )
    }

    const annotationsOf = ({ tenantKey }: Place) => ({
      app_id: appId,
      ...Option.match(tenantKey, { onNone: () => ({}), onSome: (key) => ({ tenant_key: key }) })
    })

    /** How many places have a fetch under way: they are not to go, and those whose tenant does not exist go by themselves. */
    let fetches = 0

    /** Those that nobody has used for longest go, and some more than need be, so that it is rarely done. */
    const makeRoom = () => {
      if (tenants.size - fetches <= maxTenants) return
      const idle = [...tenants].filter(([_, { pending }]) => pending === undefined)
      const uses = Float64Array.from(idle, ([_, { used }]) => used).toSorted()
      const last = uses[idle.length - Math.ceil(maxTenants * 63 / 64) - 1] ?? 0
      for (const [key, { used }] of idle) if (used <= last) tenants.delete(key)
    }

    const forget = (place: Place) => {
      if (Option.isNone(place.tenantKey) || place.refused.length > 0) return
      const key = calls.placeOf(place.tenantKey.value)
      if (tenants.get(key) === place) tenants.delete(key)
    }

    /** The fetch under way, begun if there is none. */
    const fetching = (place: Place): Deferred.Deferred<Token, AccessTokenError> => {
      if (place.pending !== undefined) return place.pending
      const deferred = Deferred.unsafeMake<Token, AccessTokenError>(FiberId.none)
      place.pending = deferred
      fetches++
      place.dropped = []
      const fetched = Effect.flatMap(
        fromStore(place),
        (held) => held === undefined ? fromPlatform(place) : Effect.succeed(held)
      )
      run(Effect.annotateLogs(fetched, annotationsOf(place))).addObserver((exit) => {
        place.pending = undefined
        fetches--
        if (Exit.isSuccess(exit)) {
          if (!place.dropped.includes(Redacted.value(exit.value.token.value))) hold(place, exit.value)
          place.failures = 0
          makeRoom()
        } else if (place.held === undefined) {
          // A tenant that does not exist must not take the room of one that does.
          forget(place)
        } else {
          // Until it has been decided when to try again.
          renewAt(place, place.held.goneAt)
        }
        Deferred.unsafeDone(deferred, Exit.map(exit, ({ token }) => token))
      })
      return deferred
    }

    const renewInBackground = (place: Place, held: Held) =>
      Effect.sync(() => {
        if (place.pending !== undefined) return
        const renewed = Deferred.await(fetching(place))
        run(
          Effect.catchAllCause(renewed, (cause) =>
            Effect.gen(function*() {
              if (Cause.isInterruptedOnly(cause)) return
              const error = Option.getOrUndefined(Cause.failureOption(cause))
              const isFeishuError = error?._tag === "FeishuApiError" || error?._tag === "FeishuNetworkError"
              const asked = Duration.toMillis((isFeishuError ? askedWait(error) : undefined) ?? 0)
              const bound = Math.min(lastPause, firstPause * 2 ** place.failures)
              const pause = Math.max(asked, bound * (0.5 + (yield* Random.next) / 2))
              place.failures++
              const next = earlier(later(momentOf(yield* Effect.clock), pause), held.goneAt)
              if (place.held === held) renewAt(place, next)
              yield* Effect.logWarning(
                `an access token could not be renewed, and stays in use until ${
                  DateTime.formatIso(held.token.expiresAt)
                }: ${error?.message ?? Cause.pretty(cause)}`
              )
            })).pipe(Effect.annotateLogs(annotationsOf(place)))
        )
      })

    /** Where there is none to hand out at once and be done. */
    const renewOrWait = (place: Place, clock: Clock.Clock): Effect.Effect<Token, AccessTokenError> => {
      const { held } = place
      if (held !== undefined && isBefore(clock, held.goneAt)) {
        return Effect.as(renewInBackground(place, held), held.token)
      }
      return Effect.suspend(() => Deferred.await(fetching(place))).pipe(
        Effect.withSpan(Option.isNone(place.tenantKey) ? "AccessToken.app" : "AccessToken.tenant", {
          captureStackTrace: false,
          attributes: {
            "feishu.app_id": appId,
            ...Option.match(place.tenantKey, {
              onNone: () => ({}),
              onSome: (key) => ({ "feishu.tenant_key": key })
            })
          }
        })
      )
    }

    const tokenOf = (place: Place, clock: Clock.Clock): Effect.Effect<Token, AccessTokenError> =>
      place.exit !== undefined && clock.unsafeCurrentTimeMillis() < place.renewAtMillis
        && clock.unsafeCurrentTimeNanos() < place.renewAtNanos
        ? place.exit
        : renewOrWait(place, clock)

    const appPlace = placeOf(Option.none())
    const app = Effect.clockWith((clock) => tokenOf(appPlace, clock))

    const invalidate = (place: Place, token: Token) =>
      Effect.suspend(() => {
        const isHeld = place.held !== undefined && isSame(place.held.token, token)
        if (!isHeld && place.refused.includes(Redacted.value(token.value))) return Effect.void
        if (isHeld) hold(place, undefined)
        place.refused = [...place.refused.slice(-3), Redacted.value(token.value)]
        // Another process may hand it out still, also where there is a newer one here.
        return orElse(undefined)(store.drop(keyOf(place), token))
      })

    /** Runs once more with another app token if the platform refuses the first. */
    const withAppToken = (use: (token: Token) => Effect.Effect<Got, FeishuError, CallContext>) =>
      onceMore({
        get: app,
        use,
        isRefused: isOfKind("TokenInvalid"),
        invalidate: (token) => invalidate(appPlace, token),
        onSecondRefusal: thenFail((token) => invalidate(appPlace, token))
      })

    const tenantPlace = (tenantKey: string): Place => {
      const key = calls.placeOf(tenantKey)
      const known = tenants.get(key)
      if (known !== undefined) return known
      const place = placeOf(Option.some(tenantKey))
      tenants.set(key, place)
      return place
    }

    /** What another process has found to be invalid. */
    const refuseDropped = ({ key, value }: Dropped) => {
      if (key.secretHash !== secretHash) return
      const place = Option.match(key.tenantKey, {
        onNone: () => appPlace,
        onSome: (tenantKey) => tenants.get(calls.placeOf(tenantKey))
      })
      // One's own comes back, too, maybe after the platform has given the same token again.
      if (place === undefined || place.refused.includes(Redacted.value(value))) return
      if (place.held !== undefined && isSame(place.held.token, { value })) hold(place, undefined)
      // What the store has of it from now on is another process's, to which the platform has given it again.
      if (place.pending !== undefined) place.dropped = [...place.dropped, Redacted.value(value)]
    }
    run(
      Stream.runForEach(store.drops(appId), (dropped) => Effect.sync(() => refuseDropped(dropped))).pipe(
        Effect.retry(Schedule.spaced("5 seconds")),
        Effect.ignore
      )
    )

    return {
      app,
      tenant: (tenantKey) =>
        Effect.clockWith((clock) => {
          const place = tenantPlace(tenantKey)
          place.used = ++uses
          return tokenOf(place, clock)
        }),
      invalidate: (token) =>
        Effect.suspend(() =>
          invalidate(Option.match(token.tenantKey, { onNone: () => appPlace, onSome: tenantPlace }), token)
        )
    }
  })

/** The app's own credentials, as each of its calls sends them. */
const credentials = Effect.map(FeishuApp, ({ appId, appSecret }) => ({ app_id: appId, app_secret: appSecret }))

/** One call for a token. Its life may begin with the request. */
const issue = <A extends { readonly expire: number }>(
  call: OpenApi.Call<A>,
  valueOf: (answer: A) => Redacted.Redacted
): Call =>
  Effect.flatMap(Effect.clock, (clock) => {
    const askedAt = momentOf(clock)
    return Effect.map(OpenApi.post(call), (answer) => ({ value: valueOf(answer), expire: answer.expire, askedAt }))
  })

const refuseUnless = (kind: "store" | "self-built", problem: string) =>
  Effect.flatMap(FeishuApp, (app) => app.kind === kind ? Effect.void : new FeishuAppError({ field: "kind", problem }))

/**
 * For a store app.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options?: Options
): Effect.Effect<
  Service,
  FeishuAppError,
  FeishuApp | AppTicket.AppTicket | TokenStore | HttpClient.HttpClient | Scope.Scope
> =>
  Effect.gen(function*() {
    yield* refuseUnless("store", "is self-built: use AccessToken.layerSelfBuilt, which needs no app ticket")
    const tickets = yield* AppTicket.AppTicket
    const fetchWith = (ticket: Redacted.Redacted): Call =>
      Effect.flatMap(credentials, (credentials) =>
        issue({
          name: "appAccessToken",
          path: "/open-apis/auth/v3/app_access_token",
          body: { ...credentials, app_ticket: ticket },
          decode: decodeAppAnswer
        }, (answer) => answer.app_access_token))
    // In this process it is invalid all the same.
    const invalidate = (ticket: Ticket) =>
      Effect.catchAll(tickets.invalidate(ticket), (error) => Effect.logWarning(error.message))
    return yield* makeWith(options, {
      placeOf: identity,
      app: (once) =>
        onceMore({
          get: tickets.get,
          use: (ticket) => once(fetchWith(ticket.value)),
          isRefused: isOfKind("TicketInvalid"),
          invalidate: (ticket) => invalidate(ticket),
          onSecondRefusal: thenFail(invalidate)
        }),
      tenant: (tenantKey, once, withAppToken) =>
        withAppToken(({ value }) =>
          once(issue({
            name: "tenantAccessToken",
            path: "/open-apis/auth/v3/tenant_access_token",
            body: { app_access_token: value, tenant_key: tenantKey },
            decode: decodeTenantAnswer
          }, (answer) => answer.tenant_access_token))
        )
    })
  })

/**
 * For a self-built app, which needs no ticket, and one call for each token.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeSelfBuilt = (
  options?: Options
): Effect.Effect<Service, FeishuAppError, FeishuApp | TokenStore | HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function*() {
    yield* refuseUnless("self-built", "is store: use AccessToken.layer, which needs an AppTicket")
    return yield* makeWith(options, {
      placeOf: constant(""),
      app: (once) =>
        once(Effect.flatMap(credentials, (body) =>
          issue({
            name: "appAccessTokenInternal",
            path: "/open-apis/auth/v3/app_access_token/internal",
            body,
            decode: decodeAppAnswer
          }, (answer) => answer.app_access_token))),
      tenant: (_, once) =>
        once(Effect.flatMap(credentials, (body) =>
          issue({
            name: "tenantAccessTokenInternal",
            path: "/open-apis/auth/v3/tenant_access_token/internal",
            body,
            decode: decodeTenantAnswer
          }, (answer) => answer.tenant_access_token)))
    })
  })

/**
 * For a store app.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<
  AccessToken,
  FeishuAppError,
  FeishuApp | AppTicket.AppTicket | TokenStore | HttpClient.HttpClient
> => Layer.scoped(AccessToken, make(options))

/**
 * For a self-built app.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSelfBuilt = (
  options?: Options
): Layer.Layer<AccessToken, FeishuAppError, FeishuApp | TokenStore | HttpClient.HttpClient> =>
  Layer.scoped(AccessToken, makeSelfBuilt(options))

/**
 * The app access token: see `Service.app`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const app: Effect.Effect<Token, AccessTokenError, AccessToken> = Effect.flatMap(AccessToken, ({ app }) => app)

/**
 * That tenant's access token: see `Service.tenant`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const tenant = (tenantKey: string): Effect.Effect<Token, AccessTokenError, AccessToken> =>
  Effect.flatMap(AccessToken, ({ tenant }) => tenant(tenantKey))

/**
 * Never hands out this token again: see `Service.invalidate`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const invalidate = (token: Token): Effect.Effect<void, never, AccessToken> =>
  Effect.flatMap(AccessToken, ({ invalidate }) => invalidate(token))
