/** What to do about a failure: by its tag, and for a refusal by its kind. */
import { AppTicket, type ErrorCode, FeishuApp, FeishuClient } from "@effect-feishu/core"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Match } from "effect"

const reaction = Match.type<ErrorCode.Kind>().pipe(
  Match.when("Credentials", () => "Stop: somebody has to correct the app id or the app secret."),
  Match.when("NotStoreApp", () => "Stop: this app gets no ticket. Is its kind set right?"),
  Match.whenOr("RateLimited", "Internal", () => "Go on: the platform pushes a ticket every hour anyway."),
  Match.orElse((kind) => `Stop: ${kind}.`)
)

const program = AppTicket.resend.pipe(
  Effect.zipRight(Console.log("Accepted.")),
  Effect.catchTags({
    FeishuNetworkError: (error) => Console.log(`Go on: the platform cannot be reached (${error.reason}).`),
    FeishuApiError: (error) =>
      Effect.gen(function*() {
        yield* Console.log(reaction(error.kind))
        yield* Console.log(`Code ${error.code}: ${error.advice}`)
      })
  })
)

program.pipe(
  Effect.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  NodeRuntime.runMain
)
