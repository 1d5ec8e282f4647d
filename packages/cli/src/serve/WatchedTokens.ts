/** A `TokenStore` that says whether a token was removed, which `AccessToken.invalidate` only logs. */
import type * as TokenStore from "@effect-feishu/core/TokenStore"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

export interface WatchedTokens {
  readonly store: TokenStore.Service
  /** Runs the effect. Fails if the store could not remove the token meanwhile. */
  readonly removing: (
    token: Redacted.Redacted,
    effect: Effect.Effect<void>
  ) => Effect.Effect<void, TokenStore.TokenStoreError>
}

export const make = (store: TokenStore.Service): WatchedTokens => {
  /** By the token. Holds only tokens whose removal is under way. */
  const failures = new Map<string, TokenStore.TokenStoreError | undefined>()
  return {
    store: {
      ...store,
      drop: (key, token) =>
        Effect.tapError(store.drop(key, token), (error) =>
          Effect.sync(() => {
            const value = Redacted.value(token.value)
            if (failures.has(value)) failures.set(value, error)
          }))
    },
    removing: (token, effect) =>
      Effect.suspend(() => {
        const value = Redacted.value(token)
        failures.set(value, undefined)
        return effect.pipe(
          Effect.andThen(() => failures.get(value) ?? Effect.void),
          Effect.ensuring(Effect.sync(() => failures.delete(value)))
        )
      })
  }
}
