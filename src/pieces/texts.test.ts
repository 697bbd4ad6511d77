import { expect, test } from "vitest";
import { chooseTexts } from "./texts.ts";

test.each([
  { locale: "de-AT", overrides: {}, close: "Schließen" },
  { locale: "ja", overrides: {}, close: "Close" },
  { locale: "", overrides: {}, close: "Close" },
  { locale: "constructor", overrides: {}, close: "Close" },
  { locale: "ja-JP", overrides: { ja: { close: "閉じる" } }, close: "閉じる" },
  { locale: "de-CH", overrides: { de: { close: "Zu" }, "de-CH": { close: "Schliessen" } }, close: "Schliessen" },
  { locale: "fr", overrides: { de: { close: "Zu" } }, close: "Fermer" },
])("$locale with $overrides says $close", ({ locale, overrides, close }) => {
  const texts = chooseTexts(locale, overrides);
  expect(texts.close).toBe(close);
  // What an override leaves out is still said.
  expect(texts.archive).not.toBe("");
});
