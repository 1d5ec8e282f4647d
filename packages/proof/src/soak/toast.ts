/** The toast that the handler of a click on a card answers. The users compare each answer with this one. */
export const toast = { type: "info", content: "done" } as const
