/**
 * The access tokens, with which an app acts for itself or for a company. Returns a valid token, and fetches each token once
 * for all callers.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as AppTicket from "./AppTicket.js"
import * as Claims from "./Claims.js"
import { FeishuApp, FeishuAppError } from "./FeishuApp.js"
import { FeishuApiError, type FeishuError } from "./FeishuError.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import { askedWait } from "./internal/askedWait.js"
import { type Fork, makeFork } from "./internal/background.js"
import { decodeFields } from "./internal/call/fields.js"
import { onceMore } from "./internal/call/onceMore.js"
import * as OpenApi from "./internal/call/openApi.js"
import { isSame } from "./internal/isSame.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { outcomeOf } from "./internal/outcomeOf.js"
import { isRequestBound } from "./internal/requestBound.js"
import * as Span from "./internal/span.js"
import * as Outage from "./internal/store/outage.js"
import * as Lease from "./internal/token/lease.js"
import * as Moment from "./internal/token/moment.js"
import * as RenewingCache from "./internal/token/renewingCache.js"
import * as SavedTokens from "./internal/token/savedTokens.js"
import { type Key, type StoredToken, TokenStore } from "./TokenStore.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Token {
  /** Follows `Bearer` in the header `Authorization`. */
  readonly value: Redacted.Redacted
  readonly expiresAt: DateTime.Utc
  /** The company that the token is for. `None` for the app's own token, and for each token of a self-built app. */
  readonly tenantKey: Option.Option<string>
}

/**
 * The reason why there is no token: the platform refused (code 11210 or 20009: the tenant has not installed the app), the
 * platform could not be reached, or there is no app ticket.
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
  /** Returns the app access token. */
  readonly app: Effect.Effect<Token, AccessTokenError>
  /**
   * Returns the tenant access token of a company. A self-built app has one tenant, and so one token for any key.
   *
   * If another process that shares the `TokenStore` and the `Claims` fetches the token, waits for that process up to 40 s,
   * and fetches the token after that.
   */
  readonly tenant: (tenantKey: string) => Effect.Effect<Token, AccessTokenError>
  /**
   * Removes a token that the platform refused (`FeishuApiError` of kind `TokenInvalid`) from memory and from the store.
   * Leaves any other token as it is. A store that fails is logged, and is tried again if the same token is invalidated again.
   *
   * - This process returns the token again only if the platform issues the token again. The platform does so for a token
   *   with more than 30 minutes left (page "商店应用获取 app_access_token"). A warning is logged then. Invalidating the token
   *   again within 15 s only looks for another token in the store, because the platform would issue the same token. Each
   *   further time the 15 s are doubled, up to 10 minutes.
   * - Another process uses its copy until the platform refuses the token there, and then finds the new token in the store.
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
  /** The most tenants whose tokens are kept in memory. The least recently used token is evicted first. Default: 100,000. */
  readonly maxTenants?: number | undefined
  /**
   * The time before the end of a token in which the token is still used while a new one is fetched. The platform issues a
   * new token only if less than 30 minutes are left (page "商店应用获取 app_access_token"). Up to 5 minutes are taken off at
   * random, so that tokens that were fetched together are not renewed together. Default: 25 minutes.
   */
  readonly renewWithin?: Duration.DurationInput | undefined
  /** The time before the end of a token in which the token is no longer used. Default: 3 minutes. */
  readonly expiryMargin?: Duration.DurationInput | undefined
}

/** `expire`: in seconds. */
const Expire = Schema.Int.pipe(Schema.between(1, SavedTokens.longestLife / 1000))

/** What fits into a header. */
const TokenValue = Schema.Redacted(Schema.String.pipe(Schema.pattern(/^[\x21-\x7e]+$/)))

const decodeAppAnswer = decodeFields(Schema.Struct({ app_access_token: TokenValue, expire: Expire }))
const decodeTenantAnswer = decodeFields(Schema.Struct({ tenant_access_token: TokenValue, expire: Expire }))

const isOfKind = (kind: FeishuApiError["kind"]) => (error: { readonly _tag: string }): boolean =>
  error instanceof FeishuApiError && error.kind === kind

/** Invalidates the second value, unless it is the same as the first, and fails with the refusal. */
const thenFail = <V>(invalidate: (value: V) => Effect.Effect<void>) => <E>(error: E, other: Option.Option<V>) =>
  Effect.andThen(Option.match(other, { onNone: () => Effect.void, onSome: invalidate }), Effect.fail(error))

/** Returns a hash of the app's secret, so that no token that was issued for another secret is used. Hashes once. */
const makeHash = (appId: string, appSecret: Redacted.Redacted): Effect.Effect<string> => {
  let hash: string | undefined
  const digest = Effect.map(
    Effect.promise(() =>
      crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${appId}\n${Redacted.value(appSecret)}`))
    ),
    (digest) => {
      hash = Encoding.encodeHex(new Uint8Array(digest, 0, 16))
      return hash
    }
  )
  return Effect.suspend(() => hash === undefined ? digest : Effect.succeed(hash))
}

type CallContext = FeishuApp | HttpClient.HttpClient

/** Asks the platform for a token. */
type Call = Effect.Effect<SavedTokens.Issued, FeishuError, CallContext>

interface Fetched {
  readonly entry: RenewingCache.Entry<StoredToken>
  /** `true` if another process fetched the token. */
  readonly isShared: boolean
}

type Fetch<E> = Effect.Effect<Fetched, E, CallContext>

/** Runs a call, unless another process that shares the claims runs the same call: then waits for the token in the store. */
type Once = (call: Call) => Fetch<FeishuError>

/** The calls to the platform, which differ between store apps and self-built apps. */
interface Calls {
  /** `false` for a self-built app: the app has one tenant, and the tenant's key is unknown. */
  readonly hasManyTenants: boolean
  readonly app: (once: Once) => Fetch<AccessTokenError>
  readonly tenant: (
    tenantKey: string,
    once: Once,
    withAppToken: (use: (token: Token) => Fetch<FeishuError>) => Fetch<AccessTokenError>
  ) => Fetch<AccessTokenError>
}

/** The parts that the app's own token and the tenants' tokens share. */
interface Shared {
  readonly appId: string
  readonly fork: Fork<CallContext>
  readonly lease: Lease.Lease
  readonly saved: SavedTokens.SavedTokens
}

/** The app's own token, or the tokens of the tenants. */
interface Kind {
  readonly name: "app" | "tenant"
  readonly maxTokens: number
  readonly storeKeyOf: (cacheKey: string) => Effect.Effect<Key>
  readonly tenantKeyOf: (cacheKey: string) => Option.Option<string>
  readonly fetch: (cacheKey: string, once: Once) => Fetch<AccessTokenError>
}

/** Returns the name that a process claims while it fetches a token. */
const claimNameOf = ({ secretHash, tenantKey }: Key): string =>
  Option.match(tenantKey, {
    onNone: () => `token/${secretHash}/app`,
    onSome: (key) => `token/${secretHash}/tenant/${key}`
  })

/** Keeps the tokens of one kind in memory, and fetches each of them from the store or from the platform. */
const makeCache = (
  { appId, fork, lease, saved }: Shared,
  { fetch, maxTokens, name, storeKeyOf, tenantKeyOf }: Kind
): RenewingCache.RenewingCache<string, Token, AccessTokenError> => {
  const labels = MetricLabels.make("outcome", { app_id: appId, token: name })

  const count = (exit: Exit.Exit<Fetched, AccessTokenError>) =>
    Effect.sync(() => {
      const outcome = Exit.isSuccess(exit) && exit.value.isShared ? "shared" : outcomeOf(exit)
      FeishuMetrics.tokenFetches.unsafeUpdate(1, labels(outcome))
    })

  const withTenant = (cacheKey: string, names: readonly [app: string, tenant: string]) => ({
    [names[0]]: appId,
    ...Option.match(tenantKeyOf(cacheKey), { onNone: () => ({}), onSome: (key) => ({ [names[1]]: key }) })
  })
  const annotationsOf = (cacheKey: string) => withTenant(cacheKey, ["app_id", "tenant_key"])
  const attributesOf = (cacheKey: string) => withTenant(cacheKey, ["feishu.app_id", "feishu.tenant_key"])

  const fetchOnce = (key: Key, current: RenewingCache.Entry<Token> | undefined): Once => (call) =>
    lease.once(claimNameOf(key), {
      look: Effect.map(saved.read(key, current), Option.map((entry): Fetched => ({ entry, isShared: true }))),
      fetch: Effect.map(
        Effect.flatMap(call, (issued) => saved.save(key, issued)),
        (entry): Fetched => ({ entry, isShared: false })
      )
    })

  return RenewingCache.make({
    capacity: maxTokens,
    fork,
    askedWait: (error) =>
      error._tag === "FeishuApiError" || error._tag === "FeishuNetworkError" ? askedWait(error) : undefined,
    fetch: (cacheKey, current) =>
      Effect.gen(function*() {
        const key = yield* storeKeyOf(cacheKey)
        const found = yield* saved.read(key, current)
        if (Option.isSome(found)) return found.value
        return (yield* Effect.onExit(fetch(cacheKey, fetchOnce(key, current)), count)).entry
      }).pipe(
        Effect.map((entry) => ({ ...entry, value: { ...entry.value, tenantKey: tenantKeyOf(cacheKey) } })),
        Effect.annotateLogs(annotationsOf(cacheKey))
      ),
    spanOf: (cacheKey) => Span.makeShared("AccessToken.fetch", () => ({ ...attributesOf(cacheKey), token: name })),
    withWaitSpan: (cacheKey) =>
      Span.withSpan(`AccessToken.${name}`, () => ({ captureStackTrace: false, attributes: attributesOf(cacheKey) })),
    onRenewalFailed: (cacheKey, current, cause) =>
      Effect.logWarning(
        `an access token could not be renewed, and stays in use until ${DateTime.formatIso(current.value.expiresAt)}: ${
          Option.match(Cause.failureOption(cause), {
            onNone: () => Cause.pretty(cause),
            onSome: ({ message }) => message
          })
        }`
      ).pipe(Effect.annotateLogs(annotationsOf(cacheKey)))
  })
}

const millisOf = (time: Duration.DurationInput): number => Math.min(Duration.toMillis(time), SavedTokens.longestLife)

const claimsOrLocal = Effect.flatMap(
  Effect.serviceOption(Claims.Claims),
  Option.match({ onNone: () => Claims.makeMemory(), onSome: Effect.succeed })
)

const makeWith = (
  options: Options | undefined,
  calls: Calls
): Effect.Effect<Service, never, CallContext | TokenStore | Scope.Scope> =>
  Effect.gen(function*() {
    const { appId, appSecret } = yield* FeishuApp
    const { hasManyTenants } = calls
    const hash = makeHash(appId, appSecret)
    // On Workers, the first fetch hashes, because the layer must be built without waiting.
    if (!isRequestBound()) yield* hash
    const keyOf = (tenantKey: Key["tenantKey"]): Effect.Effect<Key> =>
      Effect.map(hash, (secretHash) => ({ appId, secretHash, tenantKey }))
    const store = Outage.ofTokens(yield* TokenStore)
    const shared: Shared = {
      appId,
      fork: yield* makeFork<CallContext>(),
      lease: Lease.make({ appId, claims: Outage.ofClaims(yield* claimsOrLocal) }),
      saved: SavedTokens.make({
        store,
        renewWithin: millisOf(options?.renewWithin ?? "25 minutes"),
        expiryMargin: millisOf(options?.expiryMargin ?? "3 minutes")
      })
    }

    const appKind: Kind = {
      name: "app",
      maxTokens: 1,
      storeKeyOf: () => keyOf(Option.none()),
      tenantKeyOf: Option.none,
      fetch: (_, once) => calls.app(once)
    }
    const appTokens = makeCache(shared, appKind)
    const app = appTokens.get("")

    const tenantKind: Kind = {
      name: "tenant",
      maxTokens: options?.maxTenants ?? 100_000,
      storeKeyOf: (cacheKey) => keyOf(Option.some(cacheKey)),
      tenantKeyOf: (cacheKey) => hasManyTenants ? Option.some(cacheKey) : Option.none(),
      fetch: (cacheKey, once) => calls.tenant(cacheKey, once, withAppToken)
    }
    const tenantTokens = makeCache(shared, tenantKind)

    /** Returns where a token may be. The platform gives a self-built app the same token for the app and for its tenant. */
    const placesOf = ({ tenantKey }: Token) => {
      const ofApp = { tokens: appTokens, kind: appKind, cacheKey: "" }
      const ofTenant = (cacheKey: string) => ({ tokens: tenantTokens, kind: tenantKind, cacheKey })
      return Option.match(tenantKey, {
        onNone: () => hasManyTenants ? [ofApp] : [ofApp, ofTenant("")],
        onSome: (key) => [ofTenant(key)]
      })
    }

    const invalidate = (token: Token) =>
      Effect.gen(function*() {
        for (const { cacheKey, kind, tokens } of placesOf(token)) {
          // Removed from memory in any case, because another process may have stored another token.
          tokens.invalidate(cacheKey, (cached) => isSame(cached, token))
          yield* shared.saved.refuse(yield* kind.storeKeyOf(cacheKey), token)
        }
      }).pipe(Effect.uninterruptible)

    /** Runs `use` once more with another app token if the platform refuses the first. */
    const withAppToken = (use: (token: Token) => Fetch<FeishuError>) =>
      onceMore({
        get: app,
        use,
        isRefused: isOfKind("TokenInvalid"),
        invalidate,
        onSecondRefusal: thenFail(invalidate)
      })

    return {
      app,
      tenant: hasManyTenants ? tenantTokens.get : () => tenantTokens.get(""),
      invalidate
    }
  })

/** The app's credentials, which each call sends. */
const credentials = Effect.map(FeishuApp, ({ appId, appSecret }) => ({ app_id: appId, app_secret: appSecret }))

/** Asks for a token. */
const issue = <A extends { readonly expire: number }>(
  call: OpenApi.Call<A>,
  valueOf: (answer: A) => Redacted.Redacted
): Call =>
  Effect.flatMap(Effect.clock, (clock) => {
    const askedAt = Moment.now(clock)
    return Effect.map(OpenApi.post(call), (answer) => ({ value: valueOf(answer), expire: answer.expire, askedAt }))
  })

const refuseUnless = (kind: "store" | "self-built", problem: string) =>
  Effect.flatMap(FeishuApp, (app) => app.kind === kind ? Effect.void : new FeishuAppError({ field: "kind", problem }))

/**
 * Makes the service of a store app.
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
    return yield* makeWith(options, {
      hasManyTenants: true,
      app: (once) =>
        onceMore({
          get: tickets.get,
          use: (ticket) => once(fetchWith(ticket.value)),
          isRefused: isOfKind("TicketInvalid"),
          invalidate: tickets.invalidate,
          onSecondRefusal: thenFail(tickets.invalidate)
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
 * Makes the service of a self-built app, which needs no app ticket and one call for each token.
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
      hasManyTenants: false,
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
 * The service of a store app.
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
 * The service of a self-built app.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSelfBuilt = (
  options?: Options
): Layer.Layer<AccessToken, FeishuAppError, FeishuApp | TokenStore | HttpClient.HttpClient> =>
  Layer.scoped(AccessToken, makeSelfBuilt(options))

/**
 * Returns the app access token: see `Service.app`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const app: Effect.Effect<Token, AccessTokenError, AccessToken> = Effect.flatMap(AccessToken, ({ app }) => app)

/**
 * Returns the tenant access token of a company: see `Service.tenant`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const tenant = (tenantKey: string): Effect.Effect<Token, AccessTokenError, AccessToken> =>
  Effect.flatMap(AccessToken, ({ tenant }) => tenant(tenantKey))

/**
 * Removes a token that the platform refused: see `Service.invalidate`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const invalidate = (token: Token): Effect.Effect<void, never, AccessToken> =>
  Effect.flatMap(AccessToken, ({ invalidate }) => invalidate(token))
