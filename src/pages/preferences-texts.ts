import type { Language } from "../domain/spoken-language.ts";

/** What the page of preferences says. */
export type PreferencesTexts = {
  readonly title: string;
  readonly intro: string;
  readonly channels: string;
  readonly email: string;
  readonly sms: string;
  readonly push: string;
  readonly shop: string;
  readonly topics: string;
  /** `{product}` stands for its name. */
  readonly back_in_stock: string;
  readonly price_drop: string;
  readonly quiet: string;
  readonly quietAsk: string;
  readonly from: string;
  readonly until: string;
  /** `{zone}` stands for the time zone. */
  readonly zone: string;
  readonly language: string;
  readonly save: string;
  readonly none: string;
  readonly saved: string;
  readonly badHours: string;
  readonly badForm: string;
};

/** In the languages that pages speak. */
export const PREFERENCES_TEXTS: Readonly<Record<Language, PreferencesTexts>> = {
  en: {
    title: "What you get from us",
    intro: "Choose what you would like to get. About your orders and your account we write to you in any case.",
    ...{ channels: "Offers and news", email: "By email", sms: "By SMS", push: "As notifications on your devices" },
    shop: "While you are in the shop",
    topics: "What you follow",
    ...{ back_in_stock: "{product} is back in stock", price_drop: "{product} becomes cheaper" },
    ...{ quiet: "Quiet hours", quietAsk: "No offers and news at certain hours", from: "From", until: "Until" },
    zone: "In the time zone {zone}",
    ...{ language: "Language", save: "Save", none: "No offers and news at all", saved: "Your choice is saved." },
    badHours: "Nothing is saved yet: please give two different times, such as 22:00 and 07:00.",
    badForm: "Nothing is saved: this form was not filled in on this page. Please try again.",
  },
  de: {
    title: "Was Sie von uns bekommen",
    intro:
      "Wählen Sie aus, was Sie bekommen möchten. Über Bestellungen und Ihr Konto schreiben wir Ihnen auf jeden Fall.",
    ...{ channels: "Angebote und Neuigkeiten", email: "Per E-Mail", sms: "Per SMS" },
    ...{ push: "Als Mitteilung auf Ihren Geräten", shop: "Während Sie im Shop sind", topics: "Was Sie beobachten" },
    ...{ back_in_stock: "{product} ist wieder da", price_drop: "{product} wird günstiger" },
    ...{
      quiet: "Ruhezeit",
      quietAsk: "Zu bestimmten Zeiten keine Angebote und Neuigkeiten",
      from: "Von",
      until: "Bis",
    },
    zone: "In der Zeitzone {zone}",
    ...{ language: "Sprache", save: "Speichern", none: "Gar keine Angebote und Neuigkeiten" },
    saved: "Ihre Auswahl ist gespeichert.",
    badHours: "Noch ist nichts gespeichert: Bitte geben Sie zwei verschiedene Zeiten an, etwa 22:00 und 07:00.",
    badForm: "Nichts ist gespeichert: Dieses Formular wurde nicht auf dieser Seite ausgefüllt. Bitte noch einmal.",
  },
  es: {
    title: "Lo que recibe de nosotros",
    intro: "Elija lo que quiere recibir. Sobre sus pedidos y su cuenta le escribiremos en cualquier caso.",
    ...{ channels: "Ofertas y novedades", email: "Por correo electrónico", sms: "Por SMS" },
    ...{ push: "Como notificaciones en sus dispositivos", shop: "Mientras está en la tienda", topics: "Lo que sigue" },
    ...{ back_in_stock: "{product} vuelve a estar disponible", price_drop: "{product} baja de precio" },
    ...{ quiet: "Horas de descanso", quietAsk: "Sin ofertas ni novedades a ciertas horas", from: "Desde" },
    ...{ until: "Hasta", zone: "En la zona horaria {zone}", language: "Idioma", save: "Guardar" },
    ...{ none: "Ninguna oferta ni novedad", saved: "Su elección está guardada." },
    badHours: "Aún no se ha guardado nada: indique dos horas distintas, por ejemplo 22:00 y 07:00.",
    badForm: "No se ha guardado nada: este formulario no se rellenó en esta página. Inténtelo de nuevo.",
  },
  fr: {
    title: "Ce que vous recevez de nous",
    intro:
      "Choisissez ce que vous souhaitez recevoir. Pour vos commandes et votre compte, nous vous écrirons toujours.",
    ...{ channels: "Offres et nouveautés", email: "Par e-mail", sms: "Par SMS" },
    ...{ push: "En notifications sur vos appareils", shop: "Pendant vos visites", topics: "Ce que vous suivez" },
    ...{ back_in_stock: "{product} est de nouveau en stock", price_drop: "{product} baisse de prix" },
    ...{ quiet: "Heures de repos", quietAsk: "Ni offres ni nouveautés à certaines heures", from: "De", until: "À" },
    ...{ zone: "Dans le fuseau horaire {zone}", language: "Langue", save: "Enregistrer" },
    ...{ none: "Aucune offre, aucune nouveauté", saved: "Votre choix est enregistré." },
    badHours: "Rien n'est encore enregistré : indiquez deux heures différentes, par exemple 22:00 et 07:00.",
    badForm: "Rien n'est enregistré : ce formulaire n'a pas été rempli sur cette page. Veuillez réessayer.",
  },
  it: {
    title: "Che cosa riceve da noi",
    intro: "Scelga che cosa vuole ricevere. Sui Suoi ordini e sul Suo account Le scriveremo in ogni caso.",
    ...{ channels: "Offerte e novità", email: "Per e-mail", sms: "Per SMS" },
    ...{ push: "Come notifiche sui Suoi dispositivi", shop: "Mentre è nel negozio", topics: "Che cosa segue" },
    ...{ back_in_stock: "{product} è di nuovo disponibile", price_drop: "{product} costa meno" },
    ...{ quiet: "Ore di quiete", quietAsk: "Niente offerte e novità in certe ore", from: "Dalle", until: "Alle" },
    ...{ zone: "Nel fuso orario {zone}", language: "Lingua", save: "Salva" },
    ...{ none: "Nessuna offerta, nessuna novità", saved: "La Sua scelta è salvata." },
    badHours: "Non è ancora salvato nulla: indichi due orari diversi, per esempio 22:00 e 07:00.",
    badForm: "Non è salvato nulla: questo modulo non è stato compilato su questa pagina. Riprovi.",
  },
  pl: {
    title: "Co od nas otrzymujesz",
    intro: "Wybierz, co chcesz otrzymywać. O zamówieniach i koncie napiszemy w każdym razie.",
    ...{ channels: "Oferty i nowości", email: "E-mailem", sms: "SMS-em" },
    ...{ push: "Jako powiadomienia na urządzeniach", shop: "Podczas wizyty w sklepie", topics: "Co obserwujesz" },
    ...{ back_in_stock: "{product} jest znowu dostępny", price_drop: "{product} tanieje" },
    ...{ quiet: "Godziny ciszy", quietAsk: "Bez ofert i nowości o określonych porach", from: "Od", until: "Do" },
    ...{ zone: "W strefie czasowej {zone}", language: "Język", save: "Zapisz" },
    ...{ none: "Żadnych ofert i nowości", saved: "Wybór został zapisany." },
    badHours: "Nic jeszcze nie zapisano: podaj dwie różne godziny, na przykład 22:00 i 07:00.",
    badForm: "Niczego nie zapisano: ten formularz nie został wypełniony na tej stronie. Spróbuj ponownie.",
  },
};
