/** Makes the connections of `ioredis`, so that each connection can have its own credentials and can say why it failed. */
import type * as Effect from "effect/Effect"
import { AbstractConnector, type RedisOptions, SentinelConnector } from "ioredis"
import { connect as connectTcp, type Socket } from "node:net"
import { connect as connectTls, TLSSocket } from "node:tls"
import type { RedisError } from "../RedisError.js"
import * as Words from "./ioredisWords.js"

export interface Hooks {
  /** Runs before each connection, and may change the options of the connection. Fails if there can be no connection. */
  readonly before: (options: RedisOptions) => Effect.Effect<void, RedisError>
  readonly run: (effect: Effect.Effect<void, RedisError>) => Promise<void>
  /** Runs when the server has accepted a connection, and with TLS again after the handshake. */
  readonly onWait: (what: "handshake" | "answer") => void
  /** Receives the reason if a connection fails. */
  readonly onProblem: (problem: Words.Problem) => void
}

export type Connector = NonNullable<RedisOptions["Connector"]>

/** Connects as the connector of `ioredis` does, which `ioredis` does not export. */
class StandaloneConnector extends AbstractConnector {
  private readonly options: RedisOptions

  constructor(options: RedisOptions) {
    super(options.disconnectTimeout ?? 2000)
    this.options = options
  }

  async connect(): Promise<Socket | TLSSocket> {
    const { family, host, path, port, tls } = this.options
    const address = path ? { path } : { host: host ?? "localhost", port: port ?? 6379, family: family ?? 0 }
    this.stream = tls ? connectTls({ ...address, ...tls }) : connectTcp(address)
    return this.stream
  }
}

/** Reports how far a connection gets. `isEnded` returns `true` after this process itself has ended the connection. */
const watch = (stream: Socket, { onProblem, onWait }: Hooks, isEnded: () => boolean) => {
  const isTls = stream instanceof TLSSocket
  let isConnected = !stream.connecting
  let isSecure = false
  let error: Error | undefined
  let first: Buffer | undefined
  stream.once("connect", () => {
    isConnected = true
    // Together with the listener of `ioredis`, so that no data is lost.
    stream.once("data", (data: Buffer) => {
      first = data
    })
    onWait(isTls ? "handshake" : "answer")
  })
  stream.once("secureConnect", () => {
    isSecure = true
    onWait("answer")
  })
  stream.once("error", (firstError) => {
    error = firstError
  })
  // After `ioredis` has reported the error, of which it knows less.
  stream.once("close", () => {
    if (isEnded()) return
    const isUnanswered = isConnected && !isTls && stream.bytesRead === 0
    // Redis may refuse a connection by one error: too many clients, or protected mode.
    const refusal = first !== undefined && stream.bytesRead === first.length
      ? Words.refusalIn(first.toString())
      : undefined
    const problem = refusal !== undefined
      ? refusal
      : isUnanswered
      ? Words.closedUnanswered(error === undefined ? Words.closed.text : Words.textOf(error))
      : isTls && isConnected && !isSecure && error === undefined
      ? Words.noTlsAnswer
      : Words.problemOf(error ?? Words.closed.text)
    if (problem !== undefined) onProblem(problem)
  })
}

/** `Other` is the connector that the options name. */
export const make = (hooks: Hooks, Other: Connector | undefined): Connector =>
  class extends AbstractConnector {
    private readonly options: RedisOptions
    private readonly inner: AbstractConnector
    private isEnded = false

    // `ioredis` passes the options of the client, and reads the same object when it connects.
    constructor(options: unknown) {
      super(0)
      this.options = options as RedisOptions
      this.inner = Other !== undefined
        ? new Other(options)
        : this.options.sentinels
        ? new SentinelConnector(options as ConstructorParameters<typeof SentinelConnector>[0])
        : new StandaloneConnector(this.options)
    }

    override check(info: unknown): boolean {
      return this.inner.check(info)
    }

    override disconnect(): void {
      this.isEnded = true
      this.inner.disconnect()
    }

    async connect(emit: (type: string, error: Error) => void): Promise<Socket | TLSSocket> {
      this.isEnded = false
      await hooks.run(hooks.before(this.options))
      if (this.isEnded) throw new Error("Connection is closed.")
      const stream = await this.inner.connect(emit)
      // `ioredis` reads the error of a stream that has failed already.
      stream.once("error", (error) => {
        this.firstError = error
      })
      watch(stream, hooks, () => this.isEnded)
      return stream
    }
  }
