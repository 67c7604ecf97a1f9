import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/** Judges resources of R4: one a line comes in; its findings go out, a line each (severity, kind, place, words), then an empty line. */
public class Judge {
    public static void main(String[] words) throws Exception {
        FhirContext context = FhirContext.forR4();
        FhirInstanceValidator instances = new FhirInstanceValidator(new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context)));
        instances.setAnyExtensionsAllowed(true);
        instances.setErrorForUnknownProfiles(false);
        FhirValidator judge = context.newValidator().registerValidatorModule(instances);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String resource = in.readLine(); resource != null; resource = in.readLine()) {
            try {
                for (SingleValidationMessage found : judge.validateWithResult(resource).getMessages())
                    say(out, found.getSeverity().getCode(), found.getMessageId(), found.getLocationString(), found.getMessage());
            } catch (RuntimeException refused) {
                say(out, "fatal", refused.getClass().getSimpleName(), "", String.valueOf(refused.getMessage()));
            }
            out.println();
            out.flush();
        }
    }

    private static void say(PrintStream out, Object... parts) {
        StringBuilder line = new StringBuilder();
        for (Object part : parts) line.append(line.length() > 0 ? "\t" : "").append(String.valueOf(part).replaceAll("\\s+", " "));
        out.println(line);
    }
}
