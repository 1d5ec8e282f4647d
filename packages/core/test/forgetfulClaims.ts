/** Claims that are forgotten at once. */
import { Effect } from "effect"
import * as Claims from "../src/Claims.js"

export const forgetfulClaims: Claims.Service = {
  claim: (appId, name) => Effect.succeed(Claims.Answer.Claimed({ claim: { appId, name, id: "1" } })),
  renew: () => Effect.succeed(false),
  release: () => Effect.void,
  hold: () => Effect.void
}
