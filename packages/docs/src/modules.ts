/** The rooms of `packages/core/src` and the arrows between them. A test compares both with the imports of the sources. */
import type { Text } from "./errorTexts.js"

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Room extends Box {
  readonly id: string
  readonly title: Text
  /** The public modules. */
  readonly modules: ReadonlyArray<string>
  /** Files below `internal/`: a folder, or a single file. */
  readonly internal: ReadonlyArray<string>
}

export const rooms: ReadonlyArray<Room> = [
  {
    id: "promise",
    title: { en: "Without Effect", zh: "不使用 Effect" },
    modules: ["promise", "PromiseApi"],
    internal: ["promise"],
    x: 0,
    y: 0,
    width: 360,
    height: 46
  },
  {
    id: "doors",
    title: { en: "Doors", zh: "请求入口" },
    modules: ["EventDoor", "EventHttpApp", "EventNodeListener", "EventWebHandler"],
    internal: [],
    x: 12,
    y: 76,
    width: 164,
    height: 80
  },
  {
    id: "client",
    title: { en: "Calls for a tenant", zh: "按租户调用" },
    modules: ["FeishuClient"],
    internal: [],
    x: 206,
    y: 76,
    width: 138,
    height: 46
  },
  {
    id: "deliveries",
    title: { en: "Deliveries", zh: "事件与回调" },
    modules: [
      "EventSubscription",
      "EventHandler",
      "FeishuEvent",
      "FeishuEvents",
      "FeishuPayloads",
      "EventRefused",
      "EventCrypto",
      "BackgroundTasks"
    ],
    internal: ["webhook"],
    x: 0,
    y: 186,
    width: 176,
    height: 176
  },
  {
    id: "tokens",
    title: { en: "Ticket and tokens", zh: "app_ticket 与凭证" },
    modules: ["AccessToken", "AppTicket"],
    internal: ["token"],
    x: 196,
    y: 292,
    width: 132,
    height: 80
  },
  {
    id: "stores",
    title: { en: "Stores", zh: "存储" },
    modules: ["TicketStore", "TokenStore", "Claims"],
    internal: ["store", "ticketAge"],
    x: 36,
    y: 406,
    width: 176,
    height: 64
  },
  {
    id: "exchange",
    title: { en: "One exchange", zh: "单次请求" },
    modules: [],
    internal: ["call"],
    x: 226,
    y: 502,
    width: 112,
    height: 46
  },
  {
    id: "basics",
    title: { en: "App, errors, retries, metrics", zh: "应用、错误、重试、指标" },
    modules: ["FeishuApp", "FeishuError", "ErrorCode", "RetryPolicy", "FeishuMetrics"],
    internal: ["call/classify", "outcomeOf"],
    x: 0,
    y: 580,
    width: 360,
    height: 64
  }
]

export interface Arrow {
  readonly from: string
  readonly to: string
  /** The corners of the line, from the border of one room to the border of the other. */
  readonly points: ReadonlyArray<readonly [number, number]>
}

const arrow = (from: string, to: string, ...points: ReadonlyArray<readonly [number, number]>): Arrow => ({
  from,
  to,
  points
})

/** An arrow points from the files that import to the imported files. */
export const arrows: ReadonlyArray<Arrow> = [
  arrow("promise", "doors", [88, 46], [88, 76]),
  arrow("promise", "client", [270, 46], [270, 76]),
  arrow("promise", "deliveries", [5, 46], [5, 186]),
  arrow("promise", "tokens", [199, 46], [199, 292]),
  arrow("promise", "stores", [191, 46], [191, 406]),
  arrow("promise", "exchange", [183, 46], [183, 388], [234, 388], [234, 502]),
  arrow("promise", "basics", [354, 46], [354, 580]),
  arrow("doors", "deliveries", [88, 156], [88, 186]),
  arrow("client", "tokens", [264, 122], [264, 292]),
  arrow("client", "exchange", [333, 122], [333, 502]),
  arrow("client", "basics", [341, 122], [341, 580]),
  arrow("deliveries", "tokens", [176, 326], [196, 326]),
  arrow("deliveries", "stores", [88, 362], [88, 406]),
  arrow("deliveries", "basics", [18, 362], [18, 580]),
  arrow("tokens", "stores", [204, 372], [204, 406]),
  arrow("tokens", "exchange", [290, 372], [290, 502]),
  arrow("tokens", "basics", [219, 372], [219, 580]),
  arrow("stores", "exchange", [212, 456], [250, 456], [250, 502]),
  arrow("stores", "basics", [124, 470], [124, 580]),
  arrow("exchange", "basics", [290, 548], [290, 580])
]

/** The helpers in `internal/*.ts` belong to no room: every room may import them, and they import no room. */
export const shared = "shared"

/** Returns the room of a file, named by its path below `src` without `.ts`. */
export const roomOf = (file: string): string => {
  const inside = /^internal\/(.*)$/.exec(file)?.[1]
  const room = inside === undefined
    ? rooms.find(({ modules }) => modules.includes(file))
    : rooms.find(({ internal }) => internal.includes(inside))
      ?? rooms.find(({ internal }) => inside.includes("/") && internal.includes(inside.split("/")[0] ?? ""))
  if (room !== undefined) return room.id
  if (inside !== undefined && !inside.includes("/")) return shared
  throw new Error(`src/modules.ts has no room for ${file}`)
}
