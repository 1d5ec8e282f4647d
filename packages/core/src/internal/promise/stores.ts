/** The stores of a program, as layers. */
import * as PlatformError from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Claims } from "../../Claims.js"
import type * as PromiseApi from "../../PromiseApi.js"
import * as TicketStore from "../../TicketStore.js"
import * as TokenStore from "../../TokenStore.js"

/** The property of `Stores` that holds the layer. */
const typeId = "~@effect-feishu/core/promise/Stores"

type Layers = Layer.Layer<TicketStore.TicketStore | Claims | TokenStore.TokenStore, unknown>

/** Returns `true` for the stores of another package of this library. */
export const isStores = (store: object): store is PromiseApi.Stores => typeId in store

const attempt = <A>(method: string, run: () => PromiseApi.Awaitable<A>) =>
  Effect.tryPromise({
    try: async () => run(),
    catch: (cause) => new PlatformError.SystemError({ reason: "Unknown", module: "KeyValueStore", method, cause })
  })

const unused = Effect.dieMessage("the stores of this library do not clear or count the store of a program")

const keyValues = (store: PromiseApi.KeyValueStore): Layer.Layer<KeyValueStore.KeyValueStore> =>
  Layer.succeed(
    KeyValueStore.KeyValueStore,
    KeyValueStore.makeStringOnly({
      get: (key) => Effect.map(attempt("get", () => store.get(key)), Option.fromNullable),
      set: (key, value) => Effect.asVoid(attempt("set", () => store.set(key, value))),
      remove: (key) => Effect.asVoid(attempt("delete", () => store.delete(key))),
      clear: unused,
      size: unused
    })
  )

export const layer = ({ store, storeTokens }: PromiseApi.MoreOptions): Layers => {
  if (store === undefined) return Layer.merge(TicketStore.layerMemory, TokenStore.layerMemory)
  if (isStores(store)) return store[typeId] as Layers
  return Layer.merge(
    TicketStore.layerKeyValueStore(),
    storeTokens === true ? TokenStore.layerKeyValueStore() : TokenStore.layerMemory
  ).pipe(Layer.provide(keyValues(store)))
}
