/** An `HttpClient` whose requests go through a proxy, in a tunnel. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { ProxyAgent } from "@effect/platform-node/Undici"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export const through = (proxy: string): Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new ProxyAgent(proxy)),
      (agent) => Effect.promise(() => agent.destroy())
    ),
    NodeHttpClient.makeUndici
  )
