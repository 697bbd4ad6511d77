import mjml2html from "mjml";
import type { MjmlCompiler } from "../domain/template/index.ts";

/** MJML as it is, without files, fonts from elsewhere or settings of the machine. */
export const compileMjml: MjmlCompiler = async (mjml) => {
  try {
    const options = { validationLevel: "strict", ignoreIncludes: true, keepComments: false, fonts: {} } as const;
    return { html: (await mjml2html(mjml, options)).html };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const errors: unknown = Reflect.get(error, "errors");
    // One that can't be read at all comes without a line.
    return { errors: Array.isArray(errors) ? errors.map(toError) : [{ line: 1, message: error.message }] };
  }
};

function toError(error: unknown): { readonly line: number; readonly message: string } {
  if (typeof error !== "object" || error === null) return { line: 1, message: String(error) };
  const [line, message]: unknown[] = [Reflect.get(error, "line"), Reflect.get(error, "message")];
  return { line: typeof line === "number" ? line : 1, message: String(message).trim() };
}
