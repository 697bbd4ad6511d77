export type Methods = Readonly<Record<string, (input: unknown) => Record<string, unknown>>>;
