/** The header of a message that was published a second time, without something that had to go. Readers that don't know its items by
 *  their ids tell by it. */
export const REPUBLISHED = "Republished";

/** Its value when the items had left as CloudEvents before. */
export const REPUBLISHED_AFTER_OUT = "after-out";
