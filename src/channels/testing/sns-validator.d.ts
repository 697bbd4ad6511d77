declare module "sns-validator" {
  /** AWS's own check of what SNS posts. */
  export default class MessageValidator {
    validate(message: object, done: (error: Error | null, message?: object) => void): void;
  }
}
