/**
 * A store app on several machines: processes that share a Redis, behind a balancer, beside the platform. Everything goes over real
 * sockets. A process can be killed, paused and started again, and each has a clock of its own.
 */
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Balancer from "../../../redis/test/processes-balancer.js"
import * as Platform from "../../../redis/test/processes-platform.js"
import * as Runs from "../../../redis/test/processes-runs.js"
import * as RedisServer from "../../../redis/test/redisServer.js"
import type * as Dice from "../fuzz/Dice.js"

export const appId = "cli_chaos"

export const secrets = {
  FEISHU_APP_SECRET: "the-secret-of-cli-chaos",
  FEISHU_ENCRYPT_KEY: "the-encrypt-key-of-cli-chaos",
  FEISHU_VERIFICATION_TOKEN: "the-verification-token-of-cli-chaos"
} as const

export interface Machine {
  readonly name: string
  /** Kills the process at once, as a power cut does. */
  readonly kill: Effect.Effect<void>
  /** Starts a process if there is none, and waits until it listens. */
  readonly start: Effect.Effect<void>
  /** Stops the process as a machine that is suspended: the connections stay, and the clock goes on. */
  readonly pause: Effect.Effect<void>
  readonly wake: Effect.Effect<void>
  /** Ends the process by SIGTERM. Returns the milliseconds until it has ended. */
  readonly terminate: Effect.Effect<number>
  /** Gets a page. Fails with the answer, or with why there is none. */
  readonly page: (path: string) => Effect.Effect<string, string>
  /** Returns all that the processes of the machine have printed. */
  readonly output: () => string
}

/** The program of each machine. */
export interface Program {
  /** A program of `child.ts` that prints its address when it listens. */
  readonly name: string
  /** Options of Node itself. */
  readonly node?: ReadonlyArray<string>
  /** Variables besides those that name the app, the platform and the Redis. */
  readonly variables?: Readonly<Record<string, string>>
}

interface Options {
  readonly program: Program
  /** Returns by how many milliseconds the clock of a new process is wrong. */
  readonly clockError: () => number
  readonly onKilled: (pid: number) => Effect.Effect<void>
  /** A process has ended though nobody has ended it. */
  readonly onDeath: (how: string) => void
}

/** Options of Node that shift the clock of a process. */
const shifted = (millis: number): ReadonlyArray<string> =>
  millis === 0 ? [] : [
    "--import",
    `data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${millis}`)}`
  ]

const start = ({ name, node = [], variables }: Program, clockError: number) =>
  ChildProcess.fork(process.argv[1] ?? "", ["child", name], {
    silent: true,
    execArgv: [...node, ...shifted(clockError)],
    env: { PATH: process.env["PATH"], NO_COLOR: "1", ...variables }
  })

/** Ends the process, and waits until it has ended. */
const end = (child: ChildProcess.ChildProcess, signal: NodeJS.Signals) =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill(signal)
    // A paused process ends only after it has been woken.
    child.kill("SIGCONT")
    await ended
  })

const makeMachine = (
  name: string,
  { clockError, onDeath, onKilled, program }: Options
): Effect.Effect<Machine & { readonly origin: () => string }, never, Scope.Scope> =>
  Effect.gen(function*() {
    let output = ""
    let begun = 0
    let origin: string | undefined
    let child: ChildProcess.ChildProcess | undefined
    const ended = new Set<ChildProcess.ChildProcess>()

    const endIt = (signal: NodeJS.Signals) =>
      Effect.suspend(() => {
        const ending = child
        child = undefined
        if (ending === undefined) return Effect.void
        ended.add(ending)
        return Effect.zipRight(
          end(ending, signal),
          signal === "SIGKILL" ? onKilled(ending.pid ?? 0) : Effect.void
        )
      })
    yield* Effect.addFinalizer(() => endIt("SIGKILL"))

    const spawn = () => {
      begun = output.length
      origin = undefined
      const made = start(program, clockError())
      child = made
      for (const stream of [made.stdout, made.stderr]) {
        stream?.setEncoding("utf8").on("data", (text: string) => void (output += text))
      }
      made.once("exit", (code, signal) => {
        if (!ended.has(made)) onDeath(`${code ?? signal}: ${output.slice(-500)}`)
      })
    }
    /** Returns where the newest process listens. Who waits in `start` may be interrupted, and the process goes on. */
    const listening = () => origin ??= /Listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output.slice(begun))?.[1]

    return {
      name,
      origin: () => listening() ?? "",
      output: () => output,
      kill: endIt("SIGKILL"),
      terminate: Effect.map(Effect.timed(endIt("SIGTERM")), ([took]) => Duration.toMillis(took)),
      pause: Effect.sync(() => void child?.kill("SIGSTOP")),
      wake: Effect.sync(() => void child?.kill("SIGCONT")),
      start: Effect.suspend(() => {
        if (child === undefined) spawn()
        return Effect.sync(listening).pipe(
          Effect.flatMap((found) => Effect.fromNullable(found)),
          Effect.retry(Schedule.spaced("20 millis")),
          Effect.timeoutFail({ duration: "60 seconds", onTimeout: () => `does not listen: ${output.slice(begun)}` }),
          Effect.orDie,
          Effect.asVoid
        )
      }),
      page: (path) =>
        Effect.tryPromise({
          try: async (signal) => {
            const response = await fetch((listening() ?? "") + path, { signal })
            return { isOk: response.ok, text: await response.text() }
          },
          catch: () => "the machine is away"
        }).pipe(Effect.flatMap(({ isOk, text }) => isOk ? Effect.succeed(text) : Effect.fail(text)))
    }
  })

export interface World {
  readonly emulator: Emulator.Service
  readonly redis: RedisServer.RedisServer
  /** Reads which process has begun and ended its work on which event. */
  readonly runs: Effect.Effect<Runs.Seen>
  readonly machines: ReadonlyArray<Machine>
  /** Picks a machine. */
  readonly anyone: (dice: Dice.Dice) => Machine
}

export const make = (
  { clockError, machines, onDeath, program = { name: "chaos-server" }, tenants }:
    & Pick<
      Options,
      "clockError" | "onDeath"
    >
    & {
      readonly machines: number
      readonly tenants: ReadonlyArray<string>
      readonly program?: Program
    }
): Effect.Effect<World, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const runs = yield* Runs.make
    const redis = yield* RedisServer.make()
    const origins: Array<() => string> = []
    const { url } = yield* Balancer.make({ origins: () => origins.map((origin) => origin()) })
    const emulator = yield* Platform.make({ appId, secrets, tenants, requestUrl: url })
    const made = yield* Effect.forEach(Array.from({ length: machines }, (_, n) => `machine ${n + 1}`), (name) =>
      makeMachine(name, {
        clockError,
        onDeath: (how) =>
          onDeath(`${name} has ended with ${how}`),
        onKilled: runs.killed,
        program: {
          ...program,
          variables: {
            ...program.variables,
            ...secrets,
            FEISHU_APP_ID: appId,
            FEISHU_BASE_URL: emulator.baseUrl,
            FEISHU_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
            RUNS: runs.file
          }
        }
      }))
    const [first, ...others] = made
    if (first === undefined) {
      return yield* Effect.dieMessage("there is no machine")
    }
    origins.push(...made.map(({ origin }) =>
      origin
    ))
    yield* Effect.forEach(made, (machine) => machine.start, { concurrency: "unbounded" })
    return { emulator, redis, runs: runs.seen, machines: made, anyone: (dice) => dice.pick([first, ...others]) }
  })
