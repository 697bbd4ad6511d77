import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DeliveryMessage } from "../../gen/intervention/v1/bus_pb.js";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import type { OutgoingContent, OutgoingMessage } from "../channels/provider.ts";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { type SenderSettings, toOutgoingContent } from "../domain/delivery/to-outgoing.ts";
import { toOutgoingRendered, toOutgoingTemplate } from "../domain/delivery/to-outgoing-template.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { PublishedTemplate } from "../domain/template/index.ts";
import { trackLinks } from "../domain/tracking/track-links.ts";
import { TemplateView } from "../integrations/template-view.ts";
import type { AddressOf, ProviderAccountDocument, Store } from "../store/index.ts";
import type { DeliverOptions } from "./deliver.ts";

type Templates = ReadonlyMap<DeliveryMessage, PublishedTemplate>;

/** Makes messages as providers take them. */
export class DeliveryRenderer {
  readonly #templates: TemplateView;
  readonly #links: Pick<DeliverOptions, "toUnsubscribeUrl" | "toTrackedUrls">;

  constructor({
    store,
    toUnsubscribeUrl,
    toTrackedUrls,
  }: Pick<DeliverOptions, "toUnsubscribeUrl" | "toTrackedUrls"> & { readonly store: Store }) {
    this.#templates = new TemplateView(store);
    this.#links = { toUnsubscribeUrl, toTrackedUrls };
  }

  /** The templates of those that have one. To be read before attempts are claimed: nothing that is claimed waits for the store.
   *  @throws Unavailable when the store does not answer. */
  async load(deliveries: readonly DeliveryMessage[]): Promise<Templates> {
    const templates = new Map<DeliveryMessage, PublishedTemplate>();
    for (const delivery of deliveries) {
      if (delivery.template === undefined) continue;
      const { template: templateId, version } = delivery.template;
      const workspaceId = delivery.intervention?.workspace ?? "";
      const found = await this.#templates.find({ workspaceId, templateId, version });
      if (found !== undefined) templates.set(delivery, found);
    }
    return templates;
  }

  /** @returns the message, or why there is none. */
  render(
    { delivery, id }: { readonly delivery: DeliveryMessage; readonly id: string },
    account: ProviderAccountDocument,
    templates: Templates,
  ): OutgoingMessage | { readonly kind: "give_up"; readonly reason: string } {
    const { intervention, address, attempt } = delivery;
    const channel = toOutsideChannel(delivery.channel);
    const to = channel === "webhook" ? account.webhookUrl : address;
    const sender: SenderSettings = {
      ...account,
      ...(channel === "email" && intervention?.policy?.purpose !== Purpose.SERVICE
        ? { unsubscribeUrl: this.#toUnsubscribeUrl(delivery, { channel, address }) }
        : {}),
    };
    try {
      return {
        workspaceId: account.workspaceId,
        deliveryId: id,
        attempt,
        to: account.sandboxTo === "" ? to : account.sandboxTo,
        content: this.#trackLinks(
          delivery,
          toContent(delivery, templates.get(delivery), sender),
          sender.unsubscribeUrl,
        ),
        ...(intervention?.expireTime === undefined ? {} : { expireTime: timestampDate(intervention.expireTime) }),
      };
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return { kind: "give_up", reason: error.message };
    }
  }

  #toUnsubscribeUrl({ intervention }: DeliveryMessage, address: AddressOf): string | undefined {
    const { workspace = "", interventionId = "", recipient } = intervention ?? {};
    return this.#links.toUnsubscribeUrl?.(workspace, { ...address, interventionId, userId: recipient?.userId ?? "" });
  }

  #trackLinks(
    { intervention, channel }: DeliveryMessage,
    content: OutgoingContent,
    unsubscribeUrl: string | undefined,
  ): OutgoingContent {
    const urls = this.#links.toTrackedUrls?.({
      ...{ workspaceId: intervention?.workspace ?? "", channel: toOutsideChannel(channel) ?? "" },
      ...{ interventionId: intervention?.interventionId ?? "", campaign: intervention?.campaign ?? "" },
    });
    return urls === undefined
      ? content
      : trackLinks(content, urls, unsubscribeUrl === undefined ? [] : [unsubscribeUrl]);
  }
}

function toContent(delivery: DeliveryMessage, template: PublishedTemplate | undefined, sender: SenderSettings) {
  const rendered = delivery.intervention?.rendered;
  if (rendered !== undefined) return toOutgoingRendered(delivery, rendered, sender);
  return delivery.template === undefined
    ? toOutgoingContent(delivery, sender)
    : toOutgoingTemplate(delivery, template, sender);
}
