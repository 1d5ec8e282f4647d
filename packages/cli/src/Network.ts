/** The `HttpClient` of the command. Uses the proxy of HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, and honours NO_PROXY. */
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { getProxyForUrl } from "proxy-from-env"
import { UsageError } from "./Failure.js"
import { isLoopback } from "./Loopback.js"

const variables = ["https_proxy", "http_proxy", "all_proxy"].flatMap((name) => [name, name.toUpperCase()])

/** Puts `http://` before a proxy without a scheme, as curl does. `proxy-from-env` puts the scheme of the request there. */
const withScheme = (proxy: string): string =>
  variables.some((name) => process.env[name] === proxy) ? proxy : proxy.replace(/^[a-z]+:/, "http:")

/** Returns the proxy for requests to a URL, or undefined if they go to the host directly. */
export const proxyOf = (url: string): string | undefined => {
  // No proxy reaches this machine.
  const proxy = URL.canParse(url) && !isLoopback(new URL(url).hostname) ? getProxyForUrl(url) : ""
  return proxy === "" ? undefined : withScheme(proxy)
}

const isPercentEncoded = (text: string): boolean => {
  try {
    return decodeURIComponent(text) !== undefined
  } catch {
    return false
  }
}

/** Fails if the command cannot use the proxy. Never shows the proxy, which may hold a password. */
export const check = (proxy: string): Effect.Effect<URL, UsageError> => {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined
  const isUsable = (url?.protocol === "http:" || url?.protocol === "https:")
    && isPercentEncoded(url.username) && isPercentEncoded(url.password)
  return isUsable ? Effect.succeed(url) : new UsageError({
    message:
      "the proxy of the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) must be an http:// or https:// URL, for "
      + "example http://proxy.example:3128, with its user name and password percent-encoded"
  })
}

/** Fails if requests to a URL go through a proxy that the command cannot use. */
export const checkFor = (url: string): Effect.Effect<void, UsageError> => {
  const proxy = proxyOf(url)
  return proxy === undefined ? Effect.void : Effect.asVoid(check(proxy))
}

/** Looks the proxy up for each request. Loads undici only if there is a proxy. */
export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.scoped(
  HttpClient.HttpClient,
  Effect.gen(function*() {
    const direct = yield* HttpClient.HttpClient
    const scope = yield* Effect.scope
    const through = yield* Effect.cachedFunction((proxy: string) =>
      Effect.promise(() => import("./network/through.js")).pipe(
        Effect.flatMap(({ through }) => through(proxy)),
        Effect.provideService(Scope.Scope, scope)
      )
    )
    const execute = (request: HttpClientRequest.HttpClientRequest) => {
      const proxy = proxyOf(request.url)
      return proxy === undefined
        ? direct.execute(request)
        : Effect.flatMap(through(proxy), (client) => client.execute(request))
    }
    return HttpClient.makeWith(Effect.flatMap(execute), Effect.succeed<HttpClientRequest.HttpClientRequest>)
  })
).pipe(Layer.provide(FeishuClient.layerFetch))
