/** One connection to Redis, that is made again whenever it breaks: whether it is there, and since when it is not. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as MetricLabel from "effect/MetricLabel"
import type * as Scope from "effect/Scope"
import type { Cluster, Redis } from "ioredis"
import { RedisError } from "../RedisError.js"
import * as RedisMetrics from "../RedisMetrics.js"
import { addressOf, textOf } from "./words.js"

export type Client = Redis | Cluster

export interface Link {
  readonly client: Client
  readonly address: string
  readonly isReady: () => boolean
  /** Makes the connection, if that has not begun. */
  readonly start: () => void
  /** Makes another: on this one an answer is overdue. */
  readonly renew: () => void
  /** It is about to be closed: nothing can be sent by it any more. */
  readonly lost: () => void
  /** Waits for the connection, if it has been away for a moment only. */
  readonly ready: Effect.Effect<void, RedisError>
}

/** Where the client itself has given up, it is told to connect again after this. */
const pause = Duration.seconds(2)

export const make = (client: Client, options: {
  readonly name: "commands" | "messages"
  /** A connection that has been away for longer is not waited for. */
  readonly timeout: Duration.Duration
  /** Whether the log tells that it is away, and back. */
  readonly isTold: boolean
  readonly onReady?: () => void
  readonly onLost?: () => void
}): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Effect.clock
    // Interruptible, because a layer may be built in an uninterruptible region, and its scope must end all the same.
    const run = yield* Effect.interruptible(FiberSet.makeRuntime())
    const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
    const timeoutMillis = Duration.toMillis(options.timeout)
    const address = addressOf(client)
    const labels = [MetricLabel.make("connection", options.name)]
    const unsaid = !client.isCluster && (client as Redis).options.tls !== undefined
      ? " (there is no TLS connection to it yet)"
      : ""
    let isReady = false
    let isClosing = false
    let isRenewing = false
    /** Of the time for which it has been away, or has not yet been there. */
    let since = now()
    let isTold = false
    let lastError: string | undefined
    const waiting = new Set<() => void>()

    const tell = (effect: Effect.Effect<void>) => {
      if (options.isTold) run(effect)
    }
    /** One that is made again at once is not worth a line. */
    let isTelling = false
    const away = () => {
      if (isTelling || isTold || isClosing) return
      isTelling = true
      tell(
        Effect.sync(() => {
          isTelling = false
          if (isReady || isClosing) return Effect.void
          isTold = true
          const reason = lastError ?? "the connection was closed"
          return Effect.logWarning(`Redis at ${address} is away (${reason}): it is tried again until it is back`)
        }).pipe(Effect.delay(options.timeout), Effect.flatten)
      )
    }
    const start = () => {
      if (client.status === "wait" || client.status === "end") client.connect().catch(() => {})
    }
    const lost = () => {
      isRenewing = false
      if (isReady) {
        isReady = false
        since = now()
        if (!isClosing) RedisMetrics.losses.unsafeUpdate(1, labels)
        options.onLost?.()
      }
      if (options.isTold) RedisMetrics.up.unsafeUpdate(0, [])
      away()
    }
    const isThere = () => {
      if (client.status !== "ready") return
      if (isTold) {
        const lasted = Duration.format(Duration.seconds(Math.round((now() - since) / 1000)))
        tell(Effect.logInfo(`Redis at ${address} is back after ${lasted}`))
      }
      isReady = true
      isTold = false
      lastError = undefined
      if (options.isTold) RedisMetrics.up.unsafeUpdate(1, [])
      for (const resume of waiting) resume()
      waiting.clear()
      options.onReady?.()
    }
    const listeners = {
      ready: () => {
        const db = client.isCluster ? 0 : (client as Redis).options.db ?? 0
        // The client itself goes on with database 0 where this one does not exist.
        const chosen = db === 0 ? undefined : (client as Redis).select(db)
        if (chosen === undefined) return isThere()
        chosen.then(isThere, (error: unknown) => {
          lastError = textOf(error)
          away()
          run(Effect.delay(Effect.sync(() => client.disconnect(true)), pause))
        })
      },
      error: (error: unknown) => {
        lastError = textOf(error)
        // The sentinels may be away without a connection that could be lost.
        if (!isReady) away()
      },
      close: lost,
      end: () => {
        if (!isClosing) run(Effect.delay(Effect.sync(start), pause))
      }
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        for (const [event, listener] of Object.entries(listeners)) client.on(event, listener)
      }),
      () =>
        Effect.sync(() => {
          isClosing = true
          // Not `quit`, which waits for an answer.
          client.disconnect()
        })
    )

    return {
      client,
      address,
      isReady: () => isReady,
      start,
      lost,
      renew: () => {
        // A cluster has a connection to each node, which looks after itself.
        if (!isReady || isRenewing || client.isCluster) return
        isRenewing = true
        client.disconnect(true)
      },
      ready: Effect.suspend(() => {
        if (isReady) return Effect.void
        const left = since + timeoutMillis - now()
        const failure = () =>
          new RedisError({
            reason: "Away",
            description: `Redis at ${address} is away${lastError === undefined ? unsaid : ` (${lastError})`}`
          })
        if (left <= 0) return failure()
        // The timer is a fiber of the link: a fiber of the caller would end with the caller's interruption, which an
        // uninterruptible region must not let through.
        return Effect.async<void, RedisError>((resume) => {
          const settle = (effect: Effect.Effect<void, RedisError>) => {
            waiting.delete(resumed)
            timer.unsafeInterruptAsFork(FiberId.none)
            resume(effect)
          }
          const resumed = () => settle(Effect.void)
          const timer = run(Effect.delay(Effect.sync(() => settle(failure())), Duration.millis(left)))
          waiting.add(resumed)
          return Effect.sync(() => settle(Effect.void))
        })
      })
    }
  })
