/** Says whether the `TokenStore` has removed a token, which `AccessToken.invalidate` only logs. */
import type * as TokenStore from "@effect-feishu/core/TokenStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The failures of the store in one removal. */
class Failures
  extends Context.Tag("@effect-feishu/cli/WatchedTokens/Failures")<Failures, Array<TokenStore.TokenStoreError>>()
{}

/** Reports to `removing` which tokens the store could not remove. */
export const watch = (store: TokenStore.Service): TokenStore.Service => ({
  ...store,
  drop: (key, token) =>
    Effect.tapError(
      store.drop(key, token),
      (error) => Effect.map(Effect.serviceOption(Failures), Option.map((failures) => failures.push(error)))
    )
})

/** Runs `AccessToken.invalidate` over a store of `watch`. Fails if the store could not remove the token. */
export const removing = (invalidate: Effect.Effect<void>): Effect.Effect<void, TokenStore.TokenStoreError> =>
  Effect.suspend(() => {
    const failures: typeof Failures.Service = []
    return Effect.andThen(Effect.provideService(invalidate, Failures, failures), () => failures[0] ?? Effect.void)
  })
