/** Shared by the measurements: an app, its tenants, and a store that has the token of each tenant. */
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Lark from "@larksuiteoapi/node-sdk"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

export const appId = "cli_a1b2c3d4e5f6a7b8"
export const appSecret = "an app secret"

export const tenantOf = (n: number): string => `${n}`.padStart(16, "0")

/** As long as the platform's tokens are. */
export const tokenOf = (tenantKey: string): string => `t-g1044ghJRUIJJ5ZPPZMOHKWZISL33E4QSS3${tenantKey}`

export const app = (baseUrl?: string) =>
  FeishuApp.layer({ appId, appSecret: Redacted.make(appSecret), ...(baseUrl !== undefined && { baseUrl }) })

/** Nothing may ask for a ticket, because every token is in the store. */
export const noTicket = Layer.succeed(AppTicket.AppTicket, {
  get: Effect.dieMessage("a ticket was asked for"),
  refresh: Effect.dieMessage("a ticket was asked for"),
  invalidate: () => Effect.void,
  changes: Stream.empty
})

export const noPlatform = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make(() => Effect.dieMessage("the platform was called"))
)

/** Has the token of each tenant. */
export const everyToken = Layer.effect(
  TokenStore.TokenStore,
  Effect.map(TokenStore.makeMemory(), (memory) => ({
    ...memory,
    get: ({ tenantKey }: TokenStore.Key) =>
      Effect.map(DateTime.now, (now) =>
        Option.map(tenantKey, (key) => ({
          value: Redacted.make(tokenOf(key)),
          expiresAt: DateTime.add(now, { hours: 2 })
        })))
  }))
)

/** The part of the SDK's client that its own calls use, and that its types leave out. */
interface Inside {
  readonly cache: Lark.Cache
  readonly tokenManager: { readonly getTenantAccessToken: (params: object) => Promise<string | undefined> }
}

/** The platform's own SDK with the tokens of these tenants. */
export const sdk = (baseUrl: string, tenants: ReadonlyArray<string>) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.promise(async () => {
      const client = new Lark.Client({
        appId,
        appSecret,
        appType: Lark.AppType.ISV,
        domain: baseUrl,
        logger: { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, trace: () => {} }
      })
      const inside = client as unknown as Inside
      await Promise.all(
        tenants.map((key) =>
          inside.cache.set(`larkMarketAccessToken${key}`, tokenOf(key), now + 7_200_000, { namespace: appId })
        )
      )
      return {
        client,
        token: (tenantKey: string) =>
          inside.tokenManager.getTenantAccessToken(Lark.withTenantKey(tenantKey)["lark"] as object)
      }
    }))
