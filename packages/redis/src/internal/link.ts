/** Keeps one connection to Redis, and connects again whenever the connection breaks. */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import { identity } from "effect/Function"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { Redis } from "ioredis"
import { RedisError } from "../RedisError.js"
import * as RedisMetrics from "../RedisMetrics.js"
import type { Hooks } from "./connector.js"
import * as Words from "./ioredisWords.js"
import type { Client } from "./target.js"

type Ready = Deferred.Deferred<void, RedisError>

/** `since` is in milliseconds. `ready` completes when the next state is `Ready`, and fails when the next state is `Closed`. */
type State = Data.TaggedEnum<{
  /** No attempt has ended yet. */
  Connecting: { readonly since: number; readonly ready: Ready }
  /** `problem` is the problem of a connection that is about to close, or of a node of a Cluster, and is soon forgotten. */
  Ready: { readonly since: number; readonly problem: Words.Problem | undefined }
  /** The connection was lost or could not be made. `isLogged` is `true` after the log has said so. */
  Away: {
    readonly since: number
    readonly problem: Words.Problem
    readonly isLogged: boolean
    readonly ready: Ready
  }
  Closed: {}
}>

const State = Data.taggedEnum<State>()

const problemOf = (state: State): Words.Problem | undefined =>
  state._tag === "Connecting" ? Words.notYet : state._tag === "Closed" ? Words.closed : state.problem

const withProblem = (state: State, problem: Words.Problem): State =>
  state._tag === "Ready"
    ? State.Ready({ ...state, problem })
    : state._tag === "Closed"
    ? state
    // An overdue answer says less than an overdue handshake.
    : problem === Words.noAnswer && problemOf(state) === Words.noTlsAnswer
    ? state
    : State.Away({ isLogged: false, ...state, problem })

/** Says what the server owes after it has accepted a connection. */
const waiting = (state: State, what: "handshake" | "answer"): State => {
  const problem = what === "handshake" ? Words.noTlsAnswer : Words.noAnswer
  return state._tag === "Connecting" || (state._tag === "Away" && state.problem === Words.noTlsAnswer)
    ? State.Away({ isLogged: false, ...state, problem })
    : state
}

/** A server that refuses the configuration is not away. */
const describe = (place: string, { isConfiguration, text }: Words.Problem): string =>
  `${place} ${isConfiguration ? "cannot be used as configured" : "is away"} (${text})`

const errorOf = (place: string, state: State): RedisError => {
  const problem = problemOf(state) ?? Words.closed
  return new RedisError({
    reason: problem.isConfiguration ? "Misconfigured" : "Away",
    description: describe(place, problem)
  })
}

/** Fails if the database does not exist, because `ioredis` itself would go on with database 0. */
const select = (client: Client): Effect.Effect<unknown, unknown> => {
  const db = client.isCluster ? 0 : (client as Redis).options.db ?? 0
  return db === 0
    ? Effect.void
    : Effect.tryPromise({ try: () => (client as Redis).select(db), catch: identity })
}

/** Returns whether a server loads its data, which `ioredis` waits for without an event. */
const isLoading = (redis: Redis): Effect.Effect<boolean> =>
  Effect.tryPromise(() => redis.info("persistence")).pipe(
    Effect.match({ onFailure: () => false, onSuccess: Words.isLoading })
  )

export interface Link<C extends Client> {
  readonly client: C
  readonly isReady: () => boolean
  /** Waits for the connection, but no longer than until the connection has been away for the time limit. */
  readonly ready: Effect.Effect<void, RedisError>
  /** Reports that the client could not send a command. */
  readonly lost: Effect.Effect<void>
  /** Makes another connection in place of one that does not answer. */
  readonly renew: Effect.Effect<void>
  /** Makes another connection, unless the present one is younger than `age`. */
  readonly renewAfter: (age: Duration.Duration) => Effect.Effect<void>
  /** The last problem. */
  readonly problem: () => Words.Problem | undefined
}

export interface Options<C extends Client> {
  readonly open: (hooks: Hooks) => C
  readonly name: "commands" | "messages"
  /** Names the server in logs and errors. */
  readonly place: string
  /** Names the server in metrics. */
  readonly connection: string
  readonly timeout: Duration.Duration
  /** Runs before each connection. */
  readonly before: Effect.Effect<void, RedisError>
  readonly onReady?: () => void
  readonly onLost?: () => void
}

/** Connects again after this pause if `ioredis` has given up. */
const pause = Duration.seconds(1)

/** Keeps the state of a connection, and reports each change in the log and in the metrics. */
const makeStates = (options: Omit<Options<Client>, "open" | "before">) =>
  Effect.gen(function*() {
    const { place, timeout } = options
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
    // Interruptible, because a layer may be built in an uninterruptible region, and its scope must end all the same.
    const fork = yield* Effect.interruptible(FiberSet.makeRuntime())

    // Both links lead to the same server, so only one of them reports whether the server is there.
    const report = (effect: Effect.Effect<void>) => options.name === "commands" ? effect : Effect.void
    const up = Metric.tagged(RedisMetrics.up, "connection", options.connection)
    const losses = RedisMetrics.losses.pipe(
      Metric.tagged("connection", options.connection),
      Metric.tagged("link", options.name)
    )

    let state: State = State.Connecting({ since: now(), ready: yield* Deferred.make<void, RedisError>() })

    const note = (problem: Words.Problem | undefined) => {
      if (problem === undefined) return
      const noted = withProblem(state, problem)
      state = noted
      if (noted._tag === "Ready") fork(Effect.delay(forget(noted), timeout))
    }
    /** A problem of a node of a Cluster that is long past is not the reason of a later failure. */
    const forget = (noted: State) =>
      Effect.sync(() => {
        if (state === noted && state._tag === "Ready") state = State.Ready({ ...state, problem: undefined })
      })

    /** Logs the problem of the connection, unless there was a connection meanwhile. */
    const logAway = (ready: Ready) =>
      Effect.suspend(() => {
        note(state._tag === "Connecting" ? Words.notYet : undefined)
        if (state._tag !== "Away" || state.ready !== ready) return Effect.void
        state = State.Away({ ...state, isLogged: true })
        return report(Effect.logWarning(`${describe(place, state.problem)}. Reconnecting`))
      })
    const logLater = (ready: Ready) => fork(Effect.delay(logAway(ready), timeout))

    return {
      fork,
      now,
      current: () => state,
      note,
      wait: (what: "handshake" | "answer") => {
        state = waiting(state, what)
      },
      begin: Effect.suspend(() => {
        if (state._tag === "Connecting") logLater(state.ready)
        return report(Effect.andThen(Metric.set(up, 0), Effect.logDebug(`${place}: connecting`)))
      }),
      lost: (problem?: Words.Problem) =>
        Effect.gen(function*() {
          if (state._tag !== "Ready") return
          const ready = yield* Deferred.make<void, RedisError>()
          state = State.Away({
            since: now(),
            problem: problem ?? state.problem ?? Words.closed,
            isLogged: false,
            ready
          })
          options.onLost?.()
          logLater(ready)
          yield* Metric.increment(losses)
          yield* report(Metric.set(up, 0))
        }),
      found: Effect.suspend(() => {
        if (state._tag === "Ready" || state._tag === "Closed") return Effect.void
        const before = state
        state = State.Ready({ since: now(), problem: undefined })
        options.onReady?.()
        const lasted = Duration.format(Duration.seconds(Math.round((now() - before.since) / 1000)))
        const line = before._tag === "Away" && before.isLogged
          ? Effect.logInfo(`${place} is back after ${lasted}`)
          : Effect.logDebug(`${place} is connected`)
        return Deferred.succeed(before.ready, undefined).pipe(
          Effect.andThen(report(Effect.andThen(Metric.set(up, 1), line)))
        )
      }),
      close: Effect.suspend(() => {
        const before = state
        state = State.Closed()
        const ended = report(Effect.andThen(Metric.set(up, 0), Effect.logDebug(`${place} is closed`)))
        return before._tag === "Connecting" || before._tag === "Away"
          ? Effect.andThen(Deferred.fail(before.ready, errorOf(place, state)), ended)
          : ended
      }),
      ready: Effect.suspend(() => {
        if (state._tag === "Ready") return Effect.void
        if (state._tag === "Closed") return errorOf(place, state)
        const left = state.since + Duration.toMillis(timeout) - now()
        if (left <= 0) return errorOf(place, state)
        // Interruptible, so that the time limit holds in an uninterruptible region, too.
        return Effect.interruptible(Deferred.await(state.ready)).pipe(
          Effect.timeoutFail({ duration: Duration.millis(left), onTimeout: () => errorOf(place, state) })
        )
      })
    }
  })

export const make = <C extends Client>(options: Options<C>): Effect.Effect<Link<C>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const states = yield* makeStates(options)
    const { current, fork, lost, note, now } = states
    const runPromise = yield* Effect.interruptible(FiberSet.makeRuntimePromise())
    const onError = (error: unknown) => note(Words.problemOf(error))

    const client = options.open({
      before: () => options.before,
      run: (effect) => runPromise(Effect.either(effect)).then(Either.getOrThrowWith(identity)),
      onWait: states.wait,
      onProblem: note
    })

    const connect = Effect.suspend(() => {
      if (current()._tag !== "Closed") client.connect().catch(() => {})
      return Effect.void
    })
    /** Counts the connections of the client. */
    let connections = 0
    const onReady = Effect.suspend(() => {
      const connection = connections
      const disconnect = Effect.sync(() => {
        // Another connection may have taken its place.
        if (connection === connections) client.disconnect(true)
      })
      return Effect.matchEffect(select(client), {
        onSuccess: () => client.status === "ready" ? states.found : Effect.void,
        onFailure: (error) => {
          onError(error)
          return Effect.delay(disconnect, pause)
        }
      })
    })
    const onConnected = (redis: Redis) =>
      fork(Effect.map(isLoading(redis), (isLoading) => note(isLoading ? Words.loading : undefined)))

    yield* Effect.acquireRelease(
      Effect.sync(() => {
        client.on("ready", () => fork(onReady))
        client.on("error", onError)
        client.on("close", () => {
          connections++
          note(current()._tag === "Connecting" ? Words.closed : undefined)
          fork(lost())
        })
        client.on("end", () => fork(Effect.delay(connect, pause)))
        if (options.name !== "commands") return
        if (client.isCluster) {
          client.on("node error", onError)
          client.on("+node", (node: Redis) => node.on("connect", () => onConnected(node)))
        } else {
          client.on("connect", () => onConnected(client as Redis))
        }
      }),
      // Not `quit`, which waits for an answer.
      () => Effect.andThen(states.close, Effect.sync(() => client.disconnect()))
    )
    yield* states.begin
    yield* connect

    const renew = (problem: Words.Problem) =>
      Effect.suspend(() =>
        // A Cluster has a connection to each node, and `ioredis` renews those.
        current()._tag !== "Ready" || client.isCluster
          ? Effect.void
          : Effect.andThen(lost(problem), Effect.sync(() => client.disconnect(true)))
      )

    return {
      client,
      isReady: () => current()._tag === "Ready",
      ready: states.ready,
      lost: lost(),
      renew: renew(Words.noAnswer),
      renewAfter: (age) =>
        Effect.suspend(() => {
          const state = current()
          return state._tag === "Ready" && now() - state.since >= Duration.toMillis(age)
            ? renew(Words.replica)
            : Effect.void
        }),
      problem: () => problemOf(current())
    }
  })
